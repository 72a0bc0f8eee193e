"""API keys: who passes, and that a dead key is dead for the very next request, whichever process it meets."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.connections import vault
from meterhouse.gateway import keys
from meterhouse.gateway.keys import Scope
from meterhouse.settings import Settings, child_environment
from tests.events.making import event
from tests.gateway.endpoint import client, served


def send(url: str, key: str, number: int = 1) -> int:
    return httpx.post(
        f"{url}/v1/events", json=event(number), headers={"x-api-key": key}, timeout=60
    ).status_code


def test_only_a_key_that_may_write_may_write(endpoint):
    reader = keys.create(endpoint.settings, "reader", [Scope.READ]).key
    assert httpx.post(f"{endpoint.url}/v1/events", json=event()).status_code == 401
    assert send(endpoint.url, reader) == 403
    assert send(endpoint.url, "mh_abcdefghijkl_wrong") == 401
    assert send(endpoint.url, endpoint.key[:-1] + ("A" if endpoint.key[-1] != "A" else "B")) == 401
    assert send(endpoint.url, endpoint.key) == 200
    answer = endpoint.http.get("/v1/key").json()
    assert (answer["name"], endpoint.key in json.dumps(answer)) == ("tests", False)
    assert b"meterhouse_gateway_events_total" in endpoint.http.get("/metrics").content
    assert client(endpoint.url, reader).get("/metrics").status_code == 200


def test_a_regenerated_or_revoked_key_is_dead_for_the_very_next_request_of_every_process(endpoint):
    old = keys.create(endpoint.settings, "renewed").key
    with served(endpoint.settings) as other_url:
        urls = (endpoint.url, other_url)
        assert [send(url, old) for url in urls] == [200, 200]
        new = keys.regenerate(endpoint.settings, "renewed").key
        assert [send(url, old) for url in urls] == [401, 401]
        assert [send(url, new) for url in urls] == [200, 200]
        keys.revoke(endpoint.settings, "renewed")
        assert [send(url, new) for url in urls] == [401, 401]


def test_an_expired_key_is_refused(endpoint):
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert send(endpoint.url, keys.create(endpoint.settings, "late", expires_at=past).key) == 401


def test_a_key_may_be_used_as_often_as_it_says(endpoint):
    key = keys.create(endpoint.settings, "slow", requests_per_minute=2).key
    assert [send(endpoint.url, key) for _ in range(2)] == [200, 200]
    refused = httpx.post(f"{endpoint.url}/v1/events", json=event(), headers={"x-api-key": key})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 30


def test_last_use_is_noted_when_the_gateway_ends(endpoint):
    key = keys.create(endpoint.settings, "used").key
    with served(endpoint.settings) as url:
        assert send(url, key) == 200
    (used,) = [one for one in keys.overview(endpoint.settings) if one.name == "used"]
    assert used.last_used_at is not None


def test_rotating_the_vault_key_leaves_running_gateways_and_copies_alone(endpoint):
    vault.rotate_key(endpoint.settings)
    assert send(endpoint.url, endpoint.key) == 200
    assert keys.copy(endpoint.settings, "tests").key == endpoint.key
    with served(endpoint.settings) as url:
        assert send(url, endpoint.key) == 200


def test_no_key_stands_in_the_control_database_in_clear(endpoint):
    secret = keys.create(endpoint.settings, "hidden").key.rpartition("_")[2]
    files = [path for path in endpoint.settings.home_path.iterdir() if path.name.startswith("control.db")]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]


@pytest.fixture
def command(tmp_path):
    environment = child_environment(Settings(home=tmp_path / "home"))

    def run(*arguments: str, code: int = 0):
        outcome = CliRunner().invoke(app, ["keys", *arguments, "--json"], env=environment)
        assert outcome.exit_code == code, outcome.output
        return json.loads(outcome.stdout) if code == 0 else outcome.output

    return run


def test_the_command_line_tells_a_key_only_when_asked(command):
    made = command("create", "shop")
    assert {"name", "key", "masked", "created_at", "last_used_at"} <= set(made)
    assert command("copy", "shop")["key"] == made["key"]
    (listed,) = command("list")
    assert "key" not in listed
    assert made["key"] not in json.dumps(listed)
    assert command("regenerate", "shop", "--yes")["key"] != made["key"]
    assert "already" in command("create", "shop", code=2)
    assert "no key 'x'" in command("copy", "x", code=1)
    assert command("revoke", "shop", "--yes")["revoked_at"]
    assert "revoked" in command("copy", "shop", code=1)
