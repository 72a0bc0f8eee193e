"""Events become exactly once, whatever order, repetition or repricing they come in."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.dbt import raw

START = datetime(2026, 10, 1, tzinfo=UTC)
WINDOW = timedelta(hours=48)
JUDGED = ("int_events__lines", "int_events__judged", "int_events__deduplicated", "int_events__conflicts")
SELECT = ("--select", *JUDGED, "stg_metering__events", "stg_metering__rejected_events")
COLUMNS = "event_id, started_at, content_hash, received_at, file_url, file_line, load_id, loaded_at, cost_usd"


def event(event_id, hour, body="a", received=0, file="f1", line=1, cost="1"):
    return {
        "event_id": event_id,
        "provider": "openai",
        "model": "m",
        "started_at": START + timedelta(hours=hour),
        "received_at": START + timedelta(minutes=received),
        "content_hash": f"{body}@{hour}",
        "file_url": file,
        "file_line": line,
        "cost_usd": Decimal(cost),
        "cost_status": "priced",
    }


def reject(file, line):
    return {
        "file_url": file,
        "file_line": line,
        "raw_text": "{",
        "reason": "not JSON",
        "first_seen_at": START,
    }


def expected(loads):
    """The rule in plain Python: what stands and what conflicts, of loads of (events, rejects)."""
    statements = {}
    for load, (events, rejects) in sorted(loads.items()):
        for row in [*events, *rejects]:
            statements[row["file_url"], row["file_line"]] = load
    lines = {}
    for load, (events, _) in loads.items():
        for row in events:
            if statements[row["file_url"], row["file_line"]] == load:
                lines[row["file_url"], row["file_line"]] = row
    stands, conflicts = set(), set()
    by_id = {}
    for row in lines.values():
        by_id.setdefault(row["event_id"], []).append(row)
    for copies in by_id.values():
        copies.sort(
            key=lambda row: (row["received_at"], row["content_hash"], row["file_url"], row["file_line"])
        )
        for position, row in enumerate(copies):
            earlier = [e for e in copies[:position] if abs(e["started_at"] - row["started_at"]) <= WINDOW]
            key = (row["event_id"], row["file_url"], row["file_line"], row["cost_usd"])
            if not earlier:
                stands.add(key)
            elif earlier[0]["content_hash"] != row["content_hash"]:
                conflicts.add(key[:3])
    return stands, conflicts


def found(path):
    stands = [
        tuple(r.values())
        for r in raw.rows(
            path, "select event_id, file_url, file_line, cost_usd from intermediate.int_events__deduplicated"
        )
    ]
    conflicts = [
        tuple(r.values())
        for r in raw.rows(
            path, "select event_id, file_url, file_line from intermediate.int_events__conflicts"
        )
    ]
    assert len(stands) == len(set(stands)), "an event stands twice"
    return set(stands), set(conflicts)


def judged(path):
    return raw.rows(
        path,
        f"select slice_hour, verdict, line_count, {COLUMNS} from intermediate.int_events__judged order by all",
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """A warehouse whose events a test may replace; views that do not change are built once."""
    path = tmp_path_factory.mktemp("once") / "warehouse.duckdb"
    raw.create(path, providers=())
    assert raw.dbt(path, "run", *SELECT) == []
    return path


def cleared(path: Path) -> Path:
    with raw.connect(path) as connection:
        connection.execute("delete from raw_metering.events; delete from raw_metering.rejected_events")
        connection.execute("delete from intermediate.int_events__judged")
    return path


def after_each_load(path, loads, select=("--select", "int_events__judged")):
    for load, (events, rejects) in loads.items():
        if events:
            raw.load_events(path, events, load)
        if rejects:
            raw.load_rejects(path, rejects, load)
        assert raw.dbt(path, "run", *select) == []


def test_late_duplicate_conflicting_reprocessed_and_refused_lines_end_as_the_rule_says(warehouse):
    path = cleared(warehouse)
    loads = {
        1: ([event("e1", 0), event("e2", 0, line=2), event("e3", 5, line=3)], [reject("f1", 4)]),
        2: ([event("e1", 0, file="f2"), event("e2", 0, body="b", received=9, file="f2", line=2)], []),
        3: (
            [
                event("e3", 30, body="b", received=-5, file="f3"),
                event("e3", 70, received=7, file="f3", line=2),
            ],
            [],
        ),
        4: (
            [event("e1", 0, cost="2"), event("e2", 0, line=2, cost="2"), event("e4", 0, line=4)],
            [reject("f1", 3)],
        ),
        5: (
            [
                event("e1", 0, body="c", received=-9, file="f5"),
                event("e1", 60, body="c", received=9, file="f5", line=2),
            ],
            [],
        ),
        6: ([], [reject("f3", 1)]),
    }
    after_each_load(path, loads)
    assert found(path) == expected(loads)
    assert ("e1", "f5", 2, Decimal(1)) in found(path)[0], (
        "an id that comes again beyond the window is another event"
    )


def test_an_hour_whose_only_line_is_refused_later_becomes_empty_and_stays_built(warehouse):
    path = cleared(warehouse)
    after_each_load(path, {1: ([event("e1", 3)], []), 2: ([], [reject("f1", 1)])})
    assert found(path) == (set(), set())
    assert [row["verdict"] for row in judged(path)] == ["empty"]


def test_a_line_that_gets_another_id_or_hour_when_read_again_leaves_no_trace_of_the_first_reading(warehouse):
    path = cleared(warehouse)
    loads = {
        1: ([event("e1", 3), event("e2", 4, line=2)], []),
        2: ([event("E1", 3), event("e2", 90, line=2)], []),
    }
    after_each_load(path, loads)
    assert {row[0] for row in found(path)[0]} == {"E1", "e2"}
    assert found(path) == expected(loads)


def test_a_load_that_is_appended_twice_counts_once(warehouse):
    path = cleared(warehouse)
    batch = [event("e1", 0), event("e2", 1, line=2)]
    raw.load_events(path, batch, 1)
    after_each_load(path, {1: (batch, [])})
    assert found(path) == expected({1: (batch, [])})


@pytest.mark.parametrize("seed", range(2))
def test_random_histories_are_the_same_built_step_by_step_and_at_once(warehouse, seed):
    path = cleared(warehouse)
    chance = random.Random(seed)
    loads = {}
    for load in range(1, 7):
        file = chance.choice([f"f{load}", "f1", "f2"])
        events, rejects = [], []
        for line in chance.sample(range(12), 8):
            if chance.random() < 0.15:
                rejects.append(reject(file, line))
                continue
            hour = chance.choice([0, 1, 1, 20, 47, 48, 49, 96])
            body = chance.choice("aab")
            events.append(
                event(
                    f"e{chance.randrange(9)}",
                    hour,
                    body,
                    chance.randrange(3),
                    file,
                    line,
                    chance.choice("12"),
                )
            )
        loads[load] = (events, rejects)
    order = list(loads)
    chance.shuffle(order)
    after_each_load(path, {load: loads[load] for load in order})
    assert found(path) == expected(loads)
    step_by_step = judged(path)
    assert raw.dbt(path, "run", "--full-refresh", "--select", "int_events__judged") == []
    assert judged(path) == step_by_step


def test_a_run_without_news_rewrites_nothing(warehouse):
    path = cleared(warehouse)
    after_each_load(path, {1: ([event("e1", 0), event("e2", 30, line=2)], [])})
    before = raw.rows(path, "select rowid, * from intermediate.int_events__judged order by 1")
    assert raw.dbt(path, "run", "--select", "int_events__judged") == []
    assert raw.rows(path, "select rowid, * from intermediate.int_events__judged order by 1") == before
