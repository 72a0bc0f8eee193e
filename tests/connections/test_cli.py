"""`meterhouse connections`, `providers` and `vault` as a user or a script meets them."""

import json
import logging

import pytest
import typer
from typer.testing import CliRunner

from meterhouse.cli.connections import connections_app, providers_command
from meterhouse.cli.vault import vault_app
from meterhouse.connections import registry, sync_log
from tests.connections.fake_provider import GOOD_KEY, NEXT_KEY, OTHER_KEY, PROJECT_KEY, PROVIDER, SECRETS
from tests.connections.test_sync_log import TODAY, at, window_for

app = typer.Typer()
app.command("providers")(providers_command)
app.add_typer(connections_app, name="connections")
app.add_typer(vault_app, name="vault")


@pytest.fixture
def cli(home, api, monkeypatch, tmp_path, caplog):
    """Runs a command in an empty folder; no secret may show in what it prints or logs."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)

    def run(command, *more, code=0, typed="", env=None):
        result = CliRunner().invoke(
            app,
            [*command.split(), *more],
            input=typed,
            env={"METERHOUSE_HOME": str(home.home), **(env or {})},
        )
        assert result.exit_code == code, (result.output, result.exception)
        said = f"{result.stdout}{result.stderr}{caplog.text}"
        assert not [secret for secret in SECRETS if secret in said]
        return result

    return run


@pytest.fixture
def added(cli, api):
    """A saved connection `production`; gives its API's base URL."""
    cli(f"connections add fake --name production --set base_url={api.url}", typed=f"{GOOD_KEY}\n")
    return api.url


def test_add_asks_for_what_is_missing_and_hides_secrets(cli, api, home):
    result = cli(f"connections add fake --set base_url={api.url} --json", typed=f"production\n{GOOD_KEY}\n")
    answer = json.loads(result.stdout)
    assert {key: answer[key] for key in ("name", "provider", "status", "account_id", "readable_reports")} == {
        "name": "production", "provider": "fake", "status": "pending", "account_id": "acc-1",
        "readable_reports": ["costs", "usage"],
    }  # fmt: skip
    assert "Admin key" in result.stderr
    assert registry.credentials_of(home, "production").admin_key.get_secret_value() == GOOD_KEY


def test_add_takes_fields_from_the_environment_and_from_dotenv(cli, api, home, tmp_path):
    (tmp_path / ".env").write_text(f"METERHOUSE_FAKE_BASE_URL={api.url}\nMETERHOUSE_OTHER=1\n")
    cli("connections add fake --name production --from-env", env={"METERHOUSE_FAKE_ADMIN_KEY": GOOD_KEY})
    assert registry.get(home, "production").settings["base_url"] == api.url


def test_a_project_key_is_refused_with_the_next_step_and_exit_code_1(cli, api, home):
    result = cli(f"connections add fake --name n --set base_url={api.url}", typed=f"{PROJECT_KEY}\n", code=1)
    assert "Error: Fake accepts the key, but it may not read usage." in result.stderr
    assert "Next step: Use an admin key, not a project key." in result.stderr
    assert result.stdout == ""
    assert registry.names(home) == []


def test_no_check_saves_without_asking(cli, api):
    cli(f"connections add fake --name n --set base_url={api.url} --no-check", typed=f"{PROJECT_KEY}\n")
    assert api.asked == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("connections add opnai --name n", "Did you mean openai?"),
        ("connections add fake --name n --set api_key=x", "no credential field 'api_key'"),
        (f"connections add fake --name n --set {GOOD_KEY}", "A --set has no '='"),
        (f"connections add fake --name n --set {GOOD_KEY}=", "no credential field of that name"),
        (
            f"connections add fake --name n --set admin_key={GOOD_KEY}",
            "Admin key is a secret, and others on this machine can see",
        ),
        ("connections show nobody", "There is no connection 'nobody'"),
        ("connections test nobody", "There is no connection 'nobody'"),
        ("connections remove nobody --yes", "There is no connection 'nobody'"),
        ("connections add", "Missing argument"),
    ],
)
def test_wrong_usage_gets_one_sentence_and_exit_code_2(cli, command, sentence):
    result = cli(command, code=2)
    assert sentence in result.stderr
    assert result.stdout == ""


def test_list_has_the_promised_shape(cli, added, home):
    connection = registry.get(home, "production")
    window = window_for(home, connection, PROVIDER, TODAY)
    run = sync_log.start(home, connection.id, window, at(TODAY))
    sync_log.succeed(home, run, 3, TODAY, at(TODAY))
    (only,) = json.loads(cli("connections list --json").stdout)
    assert set(only) == {"name", "provider", "status", "reason", "last_data_at", "last_sync_at", "next_step"}
    assert (only["last_data_at"], only["last_sync_at"]) == ("2026-11-23T00:00:00Z", "2026-11-23T09:00:00Z")


def test_list_of_nothing_says_how_to_begin(cli):
    result = cli("connections list")
    assert "meterhouse connections add" in result.stderr
    assert json.loads(cli("connections list --json").stdout) == []


def test_show_has_everything_but_the_secret(cli, added):
    answer = json.loads(cli("connections show production --json").stdout)
    assert answer["settings"] == {"base_url": added, "region": None}
    assert (answer["account_name"], answer["is_paused"]) == ("First account", False)
    assert "First account" in cli("connections show production").stdout


def test_test_says_what_may_be_read(cli, added):
    answer = json.loads(cli("connections test production --json").stdout)
    assert answer == {
        "name": "production", "ok": True, "account_id": "acc-1", "account_name": "First account",
        "readable_reports": ["costs", "usage"],
    }  # fmt: skip


def test_test_of_a_key_that_expired_fails_with_exit_code_1(cli, api, home):
    form = {"admin_key": "fk-expired", "base_url": api.url}
    registry.add(home, "fake", "production", form, is_checked=False)
    result = cli("connections test production --json", code=1)
    assert json.loads(result.stdout) == {
        "name": "production", "ok": False, "fault": "credentials",
        "message": "Fake does not accept the key.", "next_step": "Copy the admin key again.",
    }  # fmt: skip
    assert "Copy the admin key again." in result.stderr


def test_remove_asks_first(cli, added, home):
    assert "Nothing was removed" in cli("connections remove production", typed="n\n", code=1).stderr
    assert registry.names(home) == ["production"]
    assert json.loads(cli("connections remove production --yes --json").stdout) == {
        "name": "production", "removed": True,
    }  # fmt: skip
    assert registry.names(home) == []


def test_pause_shows_disconnected_because_paused_until_resumed(cli, added):
    paused = json.loads(cli("connections pause production --json").stdout)
    assert (paused["status"], paused["reason"]) == ("disconnected", "paused")
    assert json.loads(cli("connections resume production --json").stdout)["status"] == "pending"


def test_rotate_asks_for_secrets_only_and_checks_before_the_swap(cli, added, home):
    cli("connections rotate production", typed=f"{PROJECT_KEY}\n", code=1)
    cli("connections rotate production", typed=f"{OTHER_KEY}\n", code=2)
    assert registry.credentials_of(home, "production").admin_key.get_secret_value() == GOOD_KEY
    answer = json.loads(cli("connections rotate production --json", typed=f"{NEXT_KEY}\n").stdout)
    assert answer["settings"]["base_url"] == added
    assert registry.credentials_of(home, "production").admin_key.get_secret_value() == NEXT_KEY


def test_rotating_the_vault_key_keeps_credentials_working(cli, added, home):
    before = home.vault_key_path.read_text()
    answer = json.loads(cli("vault rotate-key --json").stdout)
    assert answer == {"resealed": 1, "key_from": "file"}
    assert home.vault_key_path.read_text() != before
    cli("connections test production")


def test_an_open_key_file_stops_the_command_with_exit_code_1(cli, added, home):
    home.vault_key_path.chmod(0o644)
    result = cli("connections test production", code=1)
    assert "open to other users (mode 0644)" in result.stderr
    assert "chmod 600" in result.stderr


def test_providers_are_cards_with_their_forms(cli):
    cards = {card["name"]: card for card in json.loads(cli("providers --json").stdout)}
    assert set(cards) >= {"fake", "openai", "anthropic"}
    assert cards["fake"]["tables"] == ["costs", "usage", "projects"]
    assert cards["fake"]["fields"][0] == {
        "name": "admin_key", "label": "Admin key", "help": "Starts with fk-.",
        "secret": True, "required": True, "default": None,
    }  # fmt: skip
    for card in cards.values():
        assert any(field["secret"] for field in card["fields"]) or card["name"] == "file", card["name"]


@pytest.mark.parametrize("command", ["add", "list", "show", "test", "pause", "resume", "remove", "rotate"])
def test_every_command_explains_itself(cli, command):
    assert "--json" in cli(f"connections {command} --help").stdout


def test_nothing_the_commands_leave_behind_holds_a_secret(cli, added, home):
    cli("connections rotate production", typed=f"{NEXT_KEY}\n")
    cli("vault rotate-key")
    files = [path for path in home.home_path.rglob("*") if path.is_file()]
    assert {"control.db", "vault.key"} <= {path.name for path in files}
    for path in files:
        assert not [secret for secret in SECRETS if secret.encode() in path.read_bytes()], path
