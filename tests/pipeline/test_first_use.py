"""What a newcomer runs into: other folders, early mistakes, narrow terminals, two demos at once."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from meterhouse.cli import output
from meterhouse.errors import UsageError
from meterhouse.events.schema import EVENT_FIELDS
from meterhouse.report import build_report
from meterhouse.settings import PROJECT_ROOT, Settings
from tests.killing import run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home")
    (made.home_path / "landing").mkdir()
    return made


def test_importing_says_what_became_of_repeated_and_broken_files(settings: Settings, tmp_path: Path) -> None:
    event = {
        "event_id": "e",
        "provider": "openai",
        "model": "gpt-4o",
        "started_at": datetime.now(UTC).isoformat(),
    }
    (tmp_path / "calls.jsonl").write_text(json.dumps(event) + "\n")
    (tmp_path / "cut.jsonl.gz").write_bytes(b"not gzip")
    assert "Imported before" not in run(["events", "import", str(tmp_path / "calls.jsonl")], settings).stderr
    again = run(
        ["events", "import", str(tmp_path / "calls.jsonl"), str(tmp_path / "cut.jsonl.gz")], settings
    ).stderr
    assert "Imported before, so not counted again: 1" in again
    assert "Broken, and kept: 1" in again
    assert "meterhouse build" in again


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="METERHOUSE_HOME"):
        _ = Settings(home=tmp_path / "file").home_path


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METERHOUSE_HOME", "")
    assert Settings().home == Path(".meterhouse")


def test_a_period_that_ends_before_it_begins_is_refused(settings: Settings) -> None:
    settings.published_path.parent.mkdir()
    settings.published_path.write_bytes(b"")
    with pytest.raises(UsageError, match="No day lies between"):
        build_report(
            settings, datetime(2026, 11, 20, tzinfo=UTC).date(), datetime(2026, 11, 1, tzinfo=UTC).date()
        )


def test_the_rows_of_a_report_hold_what_is_not_billed_yet(built: Settings) -> None:
    answer = build_report(built, by=["agent"])
    assert sum(row["provisional"] for row in answer["rows"]) == answer["provisional"] > 0


@pytest.mark.parametrize("width", [200, 80, 40])
def test_a_table_cuts_nothing_off_however_narrow_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_STDOUT", Console(file=written, width=width, markup=False))
    columns = [f"column_number_{number}" for number in range(7)]
    output.print_table(columns, [[f"METERHOUSE_VALUE_{number}" for number in range(7)]])
    shown = "".join(character for character in written.getvalue() if character.isalnum() or character == "_")
    assert "…" not in written.getvalue()
    assert all(f"METERHOUSE_VALUE_{number}" in shown for number in range(7))


def test_two_demos_at_once_do_not_delete_each_others_home(settings: Settings) -> None:
    settings.demo_mark_path.write_text("")
    kept = settings.home_path / "landing"
    with FileLock(settings.home_path / "demo.lock"):
        refused = run(["demo"], settings)
    assert (refused.returncode, kept.exists()) == (2, True)
    assert "Another demo is running" in refused.stderr


def test_a_connection_of_ones_own_makes_the_demos_home_a_real_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERHOUSE_OPENAI_ADMIN_KEY", "sk-admin-x")
    settings.demo_mark_path.write_text("")
    added = run(
        ["connections", "add", "openai", "--name", "own", "--from-env", "--no-check"],
        settings,
    )
    assert added.returncode == 0, added.stderr
    assert "no demo replaces it" in added.stderr
    assert "real installation" in run(["demo"], settings).stderr


def test_a_secret_that_is_missing_without_a_terminal_is_one_sentence(settings: Settings) -> None:
    refused = run(["connections", "add", "openai", "--name", "own"], settings)
    assert refused.returncode == 2
    assert "Warning" not in refused.stderr
    assert "--from-env" in refused.stderr
    assert "--set" not in refused.stderr, "a secret on the command line shows in the list of processes"


def test_the_page_on_event_files_has_every_field() -> None:
    page = (PROJECT_ROOT / "docs" / "events.md").read_text()
    for field in EVENT_FIELDS:
        assert f"| `{field.name}`{' (required)' if field.is_required else ''} |" in page
