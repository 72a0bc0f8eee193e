"""Events and the endpoint on the command line: see them arrive, send one, judge again, ask the doctor."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.doctor import Finding, Health, examine
from meterhouse.events import checks
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition
from meterhouse.gateway import keys
from meterhouse.settings import Settings, child_environment
from tests.events.making import event, jsonl
from tests.events.test_dialects import COMPLETION, SPANS, STANDARD, otlp_document
from tests.gateway.endpoint import free_port
from tests.gateway.test_keys import send


def run(settings: Settings, *arguments: str, code: int = 0, **environment: str) -> str:
    outcome = CliRunner().invoke(app, arguments, env=child_environment(settings) | environment)
    assert outcome.exit_code == code, outcome.output
    return outcome.stdout if code == 0 else outcome.output


def found(settings: Settings, area: str) -> list[Finding]:
    return [finding for finding in examine(settings, datetime.now(UTC)) if finding.area == area]


def test_a_test_event_is_sent_and_seen(endpoint):
    at = {"METERHOUSE_GATEWAY_URL": endpoint.url}
    sent = json.loads(run(endpoint.settings, "events", "send-test", "--json", **at))
    assert (sent["status"], sent["url"]) == ("accepted", endpoint.url)
    seen = run(endpoint.settings, "events", "tail", "-n", "1", "--json").splitlines()
    assert [json.loads(line)["event_id"] for line in seen] == [sent["event_id"]]
    away = run(endpoint.settings, "events", "send-test", "--url", f"http://127.0.0.1:{free_port()}", code=1)
    assert "cannot be reached" in away
    assert endpoint.key not in away
    keys.create(endpoint.settings, "second")
    assert "--key" in run(endpoint.settings, "events", "send-test", code=2, **at)


def test_the_doctor_knows_why_no_event_comes(endpoint, tmp_path):
    assert [one.health for one in found(Settings(home=tmp_path / "none"), "API keys")] == [Health.OK]
    settings = Settings(home=tmp_path / "home", gateway_url=f"http://127.0.0.1:{free_port()}")
    keys.create(settings, "shop")
    (unused,) = found(settings, "API keys")
    assert (unused.health, "never used" in unused.message) == (Health.WARNING, True)
    (away,) = found(settings, "metering endpoint")
    assert "meterhouse gateway" in str(away.next_step)
    keys.revoke(settings, "shop")
    assert [one.health for one in found(settings, "API keys")] == [Health.FAULT]
    here = endpoint.settings.model_copy(update={"gateway_url": endpoint.url})
    assert [one.health for one in found(here, "metering endpoint")] == [Health.OK]


def test_refused_lines_are_judged_again_and_events_still_count_once(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path / "home")
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    content = jsonl(event(1, input_tokens=5), event(2, input_tokens=50), event(3, started_at="today"))
    write_file(open_landing_zone(settings), f"{partition_folder(hour)}/a.jsonl", content)
    with monkeypatch.context() as older:
        older.setattr(checks, "MAX_QUANTITY", Decimal(10))
        older_result = load_partition(settings, hour)
    assert (older_result.event_count, older_result.rejected_count) == (1, 2)
    answer = json.loads(run(settings, "events", "replay", "--json"))
    assert answer == {"files": 1, "rejected_before": 2, "rejected": 1}
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        newest = """SELECT event_id FROM raw_metering.events
            QUALIFY loaded_at = max(loaded_at) OVER (PARTITION BY file_url) ORDER BY 1"""
        assert warehouse.execute(newest).fetchall() == [("event-1",), ("event-2",)]
    assert load_partition(settings, hour).file_count == 0


@pytest.mark.parametrize("dialect", ["litellm", "otlp", "revenium"])
def test_files_of_a_foreign_dialect_are_imported_once(tmp_path, dialect):
    payload = {"litellm": [STANDARD], "otlp": otlp_document(SPANS[0]), "revenium": COMPLETION}[dialect]
    (tmp_path / "calls.json").write_text(json.dumps(payload))
    settings = Settings(home=tmp_path / "home")
    command = ("events", "import", str(tmp_path / "calls.json"), "--dialect", dialect, "--json")
    answers = [json.loads(run(settings, *command)) for _ in range(2)]
    assert [(one["accepted"], one["rejected"]) for one in answers] == [(1, 0), (0, 0)]


def test_calls_that_two_doors_metered_are_listed(tmp_path):
    settings = Settings(home=tmp_path / "home")
    assert "Nothing is published" in run(settings, "events", "duplicates", code=1)
    settings.published_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published_path)) as marts:
        marts.execute(
            """create schema marts; create table marts.duplicate_events as
            select 'proxy' as event_id, 'litellm' as source, 'app' as counted_event_id, 'sdk' as counted_source,
            0.000000000001::decimal(38, 12) as uncounted_cost_usd, timestamptz '2026-11-23 09:30:00+00' as started_at"""
        )
    [found] = json.loads(run(settings, "events", "duplicates", "--json"))
    assert (found["event_id"], found["counted_event_id"]) == ("proxy", "app")
    assert Decimal(found["uncounted_cost_usd"]) == Decimal("0.000000000001")
    assert "proxy" in run(settings, "events", "duplicates")


def test_sending_leaves_the_key_out_of_what_is_said(endpoint, capfd):
    assert send(endpoint.url, "mh_abcdefghijkl_secret-part") == 401
    said = capfd.readouterr()
    assert "secret-part" not in said.out + said.err
