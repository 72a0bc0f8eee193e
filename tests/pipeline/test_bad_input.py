"""Bad input through the front door: one clear sentence with a next step, and nothing lost."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.connections import registry
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.settings import Settings
from sandbox.faults import EndlessPaging
from sandbox.server import Sandbox
from tests.killing import run
from tests.pipeline.conftest import copied

NOW = datetime.now(UTC)
GOOD = {
    "provider": "openai",
    "model": "gpt-4o",
    "started_at": NOW.isoformat(),
    "input_tokens": 10,
    "output_tokens": 1,
}
BAD_LINES = {
    "not JSON": '{"event_id": "cut',
    "without a model": json.dumps({**GOOD, "event_id": "no-model"} | {"model": None}),
    "negative tokens": json.dumps({**GOOD, "event_id": "negative", "input_tokens": -5}),
    "without an offset": json.dumps({**GOOD, "event_id": "naive", "started_at": "2026-11-20T10:00:00"}),
    "tokens in words": json.dumps({**GOOD, "event_id": "words", "output_tokens": "many"}),
}


@pytest.fixture
def own_sandbox() -> Sandbox:
    with Sandbox(2, 5, datetime.now(UTC)) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0)
    (made.home_path / "landing").mkdir()
    return made


def land(settings: Settings, name: str, content: bytes) -> None:
    folder = partition_folder(NOW.strftime("%Y-%m-%dT%H"))
    write_file(open_landing_zone(settings), f"{folder}/{name}", content)


def test_bad_lines_are_kept_with_a_reason_and_cost_no_other_line(empty_home: Path, tmp_path: Path) -> None:
    settings = copied(empty_home, tmp_path).model_copy(update={"settle_seconds": 0})
    good = [json.dumps({**GOOD, "event_id": f"good-{number}"}) for number in range(5)]
    unknown = json.dumps({**GOOD, "event_id": "unknown-model", "model": "gpt-99-imaginary"})
    land(settings, "mixed.jsonl", "\n".join([*good, *BAD_LINES.values(), unknown]).encode())
    packed = gzip.compress(
        "\n".join(json.dumps({**GOOD, "event_id": f"packed-{n}"}) for n in range(4000)).encode()
    )
    land(settings, "cut.jsonl.gz", packed[: len(packed) // 2])
    outcome = run(["build"], settings)
    assert outcome.returncode == 0, outcome.stderr
    with duckdb.connect(settings.published_path, read_only=True) as marts:
        kept = marts.execute("select event_id, cost_usd, cost_status from marts.fct_transactions").fetchall()
        rejects = marts.execute(
            "select file_url, file_line, reason, raw_text from marts.rejected_events"
        ).fetchall()
    assert {f"good-{n}" for n in range(5)} < {event_id for event_id, *_ in kept}
    assert ("unknown-model", None, "unpriced") in kept
    assert any(event_id.startswith("packed-") for event_id, *_ in kept), "readable lines of a cut file land"
    of_mixed = [reject for reject in rejects if reject[0].endswith("mixed.jsonl")]
    assert sorted(line for _, line, *_ in of_mixed) == [6, 7, 8, 9, 10]
    assert {text for *_, text in of_mixed} == set(BAD_LINES.values())
    assert all(len(reason) > 20 for _, _, reason, _ in rejects)
    assert any(reject[0].endswith("cut.jsonl.gz") for reject in rejects)


def test_a_key_that_expires_in_the_middle_of_paging_disconnects_and_says_so(
    settings: Settings, own_sandbox: Sandbox
) -> None:
    values = {"admin_key": own_sandbox.openai_keys.admin, "base_url": own_sandbox.openai_url}
    registry.add(settings, "openai", "mine", values)
    own_sandbox.openai.faults.key_expires_after = 3
    outcome = run(["sync", "--json"], settings)
    assert outcome.returncode == 1
    [result] = json.loads(outcome.stdout)
    assert "key" in result["result"].lower()
    assert result["next_step"]
    [shown] = json.loads(run(["connections", "list", "--json"], settings).stdout)
    assert shown["status"] == "disconnected"
    assert shown["reason"] == result["result"]


def test_endless_paging_is_an_error_and_not_an_endless_loop(settings: Settings, own_sandbox: Sandbox) -> None:
    values = {"admin_key": own_sandbox.anthropic_keys.admin, "base_url": own_sandbox.anthropic_url}
    registry.add(settings, "anthropic", "mine", values)
    own_sandbox.anthropic.faults.endless_paging = EndlessPaging.SAME_CURSOR
    outcome = run(["sync"], settings)
    assert outcome.returncode == 1
    assert "cursor" in outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["connections", "add", "opnai", "--name", "x"], "Did you mean openai?"),
        (["sync", "nobody"], "There is no connection 'nobody'"),
        (["report"], "Nothing is published"),
        (["report", "--by", "colour"], "There is no dimension 'colour'"),
        (["events", "import", "pyproject.toml"], "is not an event file"),
    ],
)
def test_a_wrong_command_is_refused_in_a_sentence(
    command: list[str], sentence: str, settings: Settings
) -> None:
    outcome = run(command, settings)
    assert outcome.returncode in (1, 2)
    said = " ".join(outcome.stderr.split())
    assert sentence in said
    assert "Next step:" in said
    assert "Traceback" not in said


def test_a_project_key_of_openai_is_refused_with_the_right_it_lacks(
    settings: Settings, own_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_OPENAI_ADMIN_KEY", own_sandbox.openai_keys.project)
    values = ["--from-env", "--set", f"base_url={own_sandbox.openai_url}"]
    outcome = run(["connections", "add", "openai", "--name", "x", *values], settings)
    assert outcome.returncode == 1
    assert "api.usage.read" in outcome.stderr
    assert "Admin key" in outcome.stderr
    assert registry.names(settings) == []


def test_an_unreadable_landing_zone_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    settings = Settings(home=tmp_path / "home", landing_url=(tmp_path / "file" / "zone").as_uri())
    outcome = run(["build"], settings)
    assert outcome.returncode == 1
    assert "landing" in outcome.stderr.lower()
    assert "Traceback" not in outcome.stderr


def test_a_wrong_rules_file_names_file_and_line(settings: Settings, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("- name: a\n  metric: cost_per_transaction\n  window: soon\n  when: '> 1'\n")
    outcome = run(["alerts", "check", "--rules", str(rules)], settings)
    assert outcome.returncode == 1
    assert "rules.yaml" in outcome.stderr.replace("\n", "")
    assert "3" in outcome.stderr


def test_a_setting_that_is_not_right_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("METERHOUSE_SETTLE_SECONDS", "soon")
    refused = CliRunner().invoke(app, ["connections", "list"])
    assert refused.exit_code == 2
    assert "METERHOUSE_SETTLE_SECONDS" in refused.stderr
    assert refused.stdout == ""
