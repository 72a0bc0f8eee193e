"""Rules on event files: real files loaded into a real warehouse, then what went wrong after or in them."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from meterhouse.events.landing import open_landing_zone, write_file
from meterhouse.events.load import load_again, load_partition
from meterhouse.quality.event_files import LATELY, RULES, check_event_files
from meterhouse.settings import Settings
from tests.events.making import FOLDER, HOUR, event, jsonl

STATUSES = (
    event(1),
    event(2, model="no-such-model"),
    event(3, model="no-such-model", client_cost_usd="0.5"),
    event(4, input_tokens=None, output_tokens=None),
    event(5, input_tokens=None, output_tokens=None, outcome="error"),
)
"""One event of every cost status."""


@pytest.fixture
def loaded(tmp_path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    outcome = {"outcome_id": "o1", "trace_id": "t", "name": "done", "at": "2026-11-23T09:30:00Z"}
    zone = open_landing_zone(settings)
    write_file(zone, f"{FOLDER}/a.jsonl", jsonl(*STATUSES, STATUSES[0]))
    write_file(zone, FOLDER.replace("events", "outcomes", 1) + "/b.jsonl", jsonl(outcome))
    load_partition(settings, HOUR)
    return settings


def broken(settings: Settings, now: datetime | None = None) -> dict[str, str]:
    findings = check_event_files(settings, now or datetime.now(UTC))
    return {finding.rule.name: finding.sentence for finding in findings if not finding.passed}


def change(settings: Settings, sql: str) -> None:
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute(sql)


def test_events_of_every_cost_status_and_files_loaded_twice_break_no_rule(loaded):
    assert [finding.judged_count for finding in check_event_files(loaded, datetime.now(UTC))] == [1] * len(
        RULES
    )
    assert broken(loaded) == {}
    load_again(loaded, {f"{FOLDER}/a.jsonl": HOUR})
    assert broken(loaded) == {}
    assert check_event_files(loaded, datetime.now(UTC) + LATELY + timedelta(hours=1)) == []


def test_what_is_gone_or_was_changed_in_the_warehouse_is_seen(loaded):
    change(loaded, "delete from raw_metering.events where event_id = 'event-4'")
    change(loaded, "delete from raw_metering.outcomes")
    change(loaded, "update raw_metering.events set cost_usd = cost_usd + 1e-12 where event_id = 'event-1'")
    change(loaded, "update raw_metering.events set cost_usd = 0 where cost_status = 'unpriced'")
    found = broken(loaded)
    assert found.keys() == {"events_complete", "costs_add_up"}
    assert f"Files of {HOUR}: 6 were loaded, the warehouse holds 4 of them" in found["events_complete"]
    assert "2 events, as events/" in found["costs_add_up"]
    assert "a.jsonl line 1 (priced, " in found["costs_add_up"]


def test_refused_lines_and_clocks_that_are_wrong_are_told_with_an_example(loaded):
    early = event(6, started_at="2026-11-23T12:00:01Z")
    backward = event(7, ended_at="2026-11-23T09:30:00Z")
    write_file(open_landing_zone(loaded), f"{FOLDER}/c.jsonl", jsonl(early, backward) + b"{bad\n")
    load_partition(loaded, HOUR)
    found = broken(loaded)
    assert found.keys() == {"times_plausible", "few_rejects"}
    assert "2 events, as events/" in found["times_plausible"]
    assert "c.jsonl line 1 (began 2026-11-23 12:00:01+00)" in found["times_plausible"]
    assert "1 of 10 lines were refused, as events/" in found["few_rejects"]
    change(loaded, "delete from raw_metering.rejected_events")
    assert "1 lines were refused, the warehouse holds 0" in broken(loaded)["rejects_kept"]
