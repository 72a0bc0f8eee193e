"""What could not become an event stays visible, and never stops a build."""

from datetime import UTC, datetime

import pytest

from tests.dbt import raw
from tests.dbt.test_exactly_once import START, event, reject


@pytest.fixture(scope="module")
def rejects(tmp_path_factory):
    path = tmp_path_factory.mktemp("rejects") / "warehouse.duckdb"
    raw.create(path, providers=())
    raw.load_events(path, [event("e1", 0), event("e2", 0, line=2), event("e3", 0, line=3)], 1)
    raw.load_rejects(path, [reject("f1", 4), reject("f1", 5), reject("f9", None)], 1)
    raw.load_events(path, [event("e1", 9, body="b", received=5, file="f2")], 2)
    raw.load_events(path, [event("E2", 0, line=2), event("e5", 0, line=5)], 3)
    raw.load_rejects(
        path, [reject("f1", 3), {**reject("f1", 4), "first_seen_at": datetime(2026, 11, 9, tzinfo=UTC)}], 3
    )
    assert raw.dbt(path, "build") == []
    return path, {
        (row["file_url"], row["file_line"]): row
        for row in raw.rows(path, "select * from marts.rejected_events")
    }


def test_each_line_that_is_no_event_is_one_reject_as_its_file_said_last(rejects):
    path, found = rejects
    assert found.keys() == {("f1", 3), ("f1", 4), ("f9", None), ("f2", 1)}
    assert found["f1", 4]["first_seen_at"] == START
    assert {row["event_id"] for row in raw.rows(path, "select event_id from marts.fct_transactions")} == {
        "e1",
        "E2",
        "e5",
    }


def test_an_event_whose_id_came_before_with_other_content_says_so(rejects):
    _, found = rejects
    conflict = found["f2", 1]
    assert conflict["event_id"] == "e1"
    assert "received first and stands" in conflict["reason"]
