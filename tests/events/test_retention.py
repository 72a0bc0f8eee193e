"""Prompts are loaded where they are kept, and are gone, files and rows, when their retention ends."""

from datetime import UTC, datetime

import duckdb
import pytest

from meterhouse.events.kinds import OUTCOMES, PROMPTS
from meterhouse.events.landing import list_files, open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.events.retention import purge_prompts
from meterhouse.settings import Settings
from tests.events.making import event, jsonl

HOURS = ("2026-11-01T09", "2026-11-01T10", "2026-11-01T11")
NOW = datetime(2026, 12, 1, 10, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home", prompts="on")
    zone = open_landing_zone(settings)
    for number, hour in enumerate(HOURS):
        prompts = {"event_id": f"event-{number}", "output_text": f"text {number}"}
        write_file(zone, f"{partition_folder(hour)}/a.jsonl", jsonl(event(number)))
        write_file(zone, f"{partition_folder(hour, PROMPTS)}/a.jsonl", jsonl(prompts))
    return settings


def load(settings):
    return [load_partition(settings, hour) for hour in partitions_with_new_files(settings)]


def rows(settings, table):
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        return [row[0] for row in warehouse.execute(f"select event_id from {table} order by 1").fetchall()]


def test_prompts_are_kept_for_so_many_days_and_then_gone_for_good(settings):
    assert sum(result.prompts_count for result in load(settings)) == 3
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create schema marts; create table marts.fct_prompts as from raw_metering.prompts")
    done = purge_prompts(settings, NOW)
    assert (done.file_count, done.row_count, done.mart_row_count) == (1, 1, 1)
    assert rows(settings, "raw_metering.prompts") == ["event-1", "event-2"]
    assert rows(settings, "marts.fct_prompts") == ["event-1", "event-2"]
    assert rows(settings, "raw_metering.events") == ["event-0", "event-1", "event-2"]
    assert purge_prompts(settings, NOW).file_count == 0
    assert load(settings) == []
    assert purge_prompts(settings, NOW, days=0).row_count == 2
    assert list_files(open_landing_zone(settings), kind=PROMPTS) == []


def test_a_delivery_of_old_prompts_before_anything_was_loaded_is_deleted_too(settings):
    assert purge_prompts(settings, NOW, days=1).file_count == 3
    assert sum(result.event_count for result in load(settings)) == 3


def test_where_prompts_are_not_kept_they_are_not_loaded(settings):
    off = settings.model_copy(update={"prompts": "off"})
    assert [(one.event_count, one.prompts_count) for one in load(off)] == [(1, 0)] * 3
    assert [(one.event_count, one.prompts_count) for one in load(settings)] == [(0, 1)] * 3


def test_a_line_that_is_no_outcome_or_prompt_is_a_reject_that_shows_no_prompt(settings):
    zone, hour = open_landing_zone(settings), "2026-11-02T10"
    outcome = {"outcome_id": "o", "trace_id": "t", "name": "n", "at": "2026-11-02T10:00:00Z"}
    bad = [outcome | {"value_usd": "-1"}, outcome | {"outcome_id": None, "at": "now"}]
    write_file(zone, f"{partition_folder(hour, OUTCOMES)}/a.jsonl", jsonl(outcome, *bad))
    torn = (
        jsonl({"event_id": "x", "input_messages": "{SECRET"}, {"output_text": "SECRET"})
        + b'{"output_text":"SECRET'
    )
    write_file(zone, f"{partition_folder(hour, PROMPTS)}/a.jsonl", torn)
    later = settings.model_copy(update={"settle_seconds": 0})
    load(later)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        found = warehouse.execute(
            "select file_url, file_line, reason, raw_text from raw_metering.rejected_events"
        )
        rejects = found.fetchall()
        assert warehouse.execute("select count(*) from raw_metering.outcomes").fetchone() == (1,)
    assert len(rejects) == 5
    assert "SECRET" not in str(rejects)
    assert sum(text is not None for *_, text in rejects) == 2
