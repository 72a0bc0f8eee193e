"""What could not become an event stays visible, and never stops a build; and what traces cost and achieved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from meterhouse.events.kinds import OUTCOMES, PROMPTS
from tests.dbt import raw
from tests.dbt.test_exactly_once import START, event, reject


def traced(number, trace_id, cost, status="priced", **fields):
    started_at = START + timedelta(minutes=number)
    return {
        **event(f"t{number}", 0, line=number, file="traced"),
        "started_at": started_at,
        "ended_at": started_at + timedelta(seconds=1),
        "trace_id": trace_id,
        "cost_usd": cost and Decimal(cost),
        "cost_status": status,
        "customer": "acme",
        **fields,
    }


def achieved(line, outcome_id, trace_id, name, is_success, value=None, received=0):
    at = START + timedelta(hours=1)
    return {
        "outcome_id": outcome_id,
        "trace_id": trace_id,
        "name": name,
        "is_success": is_success,
        "value_usd": value and Decimal(value),
        "at": at,
        "received_at": at + timedelta(minutes=received),
        "workflow": "triage",
        "content_hash": f"{name}{is_success}{value}",
        "file_url": "o",
        "file_line": line,
    }


TRACED = [
    traced(1, "A", "0.100000000001", agent="writer", workflow="mail"),
    traced(2, "A", "0.2", agent="reader", workflow="mail"),
    traced(3, "A", None, "unpriced", agent="writer", workflow="mail", customer="other"),
    traced(4, "B", None, "usage_missing", outcome="error"),
]
TWICE_METERED = [
    {**event("app", 1, file="twice", cost="0.5"), "provider_request_id": "r1", "source": "sdk"},
    {**event("proxy", 1, file="twice", line=2, cost="0.7"), "provider_request_id": "r1", "source": "otlp"},
]
ACHIEVED = [
    achieved(1, "o1", "A", "resolved", True, "4.20"),
    achieved(2, "o2", "A", "rated", True, "0.80"),
    achieved(3, "o3", "C", "resolved", False),
    achieved(4, "o1", "A", "resolved", False, "9.99", received=5),
    achieved(5, "o2", "A", "rated", True, "0.80", received=6),
    achieved(6, "o4", "B", "sent", None),
]
ANSWER = {
    "event_id": "t1",
    "output_text": "first",
    "received_at": START,
    "content_hash": "a",
    "file_url": "p",
    "file_line": 1,
}


def write(path, empty_home=None):
    """Events, refusals, outcomes and prompts, some of them twice."""
    raw.create(path, (), empty_home)
    raw.load_events(path, [event("e1", 0), event("e2", 0, line=2), event("e3", 0, line=3)], 1)
    raw.load_rejects(path, [reject("f1", 4), reject("f1", 5), reject("f9", None)], 1)
    raw.load_events(path, [event("e1", 9, body="b", received=5, file="f2")], 2)
    raw.load_events(path, [event("E2", 0, line=2), event("e5", 0, line=5)], 3)
    raw.load_rejects(
        path, [reject("f1", 3), {**reject("f1", 4), "first_seen_at": datetime(2026, 11, 9, tzinfo=UTC)}], 3
    )
    raw.load_events(path, TRACED, 4)
    raw.load_events(path, TWICE_METERED, 4)
    raw.load_kind(path, OUTCOMES, ACHIEVED, 4)
    raw.load_kind(path, OUTCOMES, ACHIEVED[:1], 5)
    raw.load_kind(path, PROMPTS, [ANSWER, {**ANSWER, "file_line": 2, "output_text": "later"}], 4)


@pytest.fixture(scope="module")
def rejects(tmp_path_factory, empty_home):
    path = tmp_path_factory.mktemp("rejects") / "warehouse.duckdb"
    write(path, empty_home)
    assert raw.build(path) == []
    return path, {
        (row["file_url"], row["file_line"]): row
        for row in raw.rows(path, "select * from marts.rejected_events")
    }


def test_each_line_that_is_no_event_is_one_reject_as_its_file_said_last(rejects):
    path, found = rejects
    assert found.keys() == {("f1", 3), ("f1", 4), ("f9", None), ("f2", 1), ("o", 4)}
    assert found["f1", 4]["first_seen_at"] == START
    assert {row["event_id"] for row in raw.rows(path, "select event_id from marts.fct_transactions")} == {
        "e1",
        "E2",
        "e5",
        "app",
        *(traced["event_id"] for traced in TRACED),
    }


def test_a_call_that_two_doors_metered_is_in_no_sum_twice(rejects):
    path, _ = rejects
    [cells] = raw.rows(path, "select sum(metered_cost_usd) as usd from marts.fct_reconciliation")
    [calls] = raw.rows(path, "select sum(cost_usd) as usd from marts.fct_transactions")
    assert cells["usd"] == calls["usd"] == Decimal("3.800000000001")
    [copy] = raw.rows(path, "select * from marts.duplicate_events")
    assert (copy["event_id"], copy["uncounted_cost_usd"]) == ("proxy", Decimal("0.7"))
    assert (copy["counted_event_id"], copy["counted_cost_usd"]) == ("app", Decimal("0.5"))
    assert copy["reason"].startswith("The same call as event app ")


def test_an_event_whose_id_came_before_with_other_content_says_so(rejects):
    _, found = rejects
    conflict = found["f2", 1]
    assert conflict["event_id"] == "e1"
    assert "received first and stands" in conflict["reason"]


def test_a_trace_tells_what_it_cost_and_what_it_achieved(rejects):
    path, _ = rejects
    traces = {row["trace_id"]: row for row in raw.rows(path, "select * from marts.fct_traces")}
    assert traces.keys() == {"A", "B", "C"}
    a, b, c = (traces[name] for name in "ABC")
    assert (a["cost_usd"], a["call_count"], a["unpriced_count"]) == (Decimal("0.300000000001"), 3, 1)
    assert (a["customer"], a["workflow"], a["agents"], a["agent_count"]) == (
        None,
        "mail",
        "reader, writer",
        2,
    )
    assert (a["duration_ms"], a["error_count"]) == (121_000, 0)
    assert (a["outcome_names"], a["success_count"], a["is_success"]) == ("rated, resolved", 2, True)
    assert a["value_usd"] == Decimal("5.00")
    assert (b["cost_usd"], b["usage_missing_count"], b["error_count"]) == (None, 1, 1)
    assert (b["is_success"], b["value_usd"], b["outcome_count"]) == (None, None, 1)
    assert (c["call_count"], c["cost_usd"], c["is_success"], c["workflow"]) == (0, None, False, "triage")


def test_a_workflow_tells_what_its_runs_cost_and_returned(rejects):
    path, _ = rejects
    rows = {row["workflow"]: row for row in raw.rows(path, "select * from marts.rpt_workflows")}
    assert rows.keys() == {"mail", "triage", None}
    mail, triage, outside = (rows[name] for name in ("mail", "triage", None))
    cost = Decimal("0.300000000001")
    assert (mail["run_count"], mail["success_run_count"], mail["failed_run_count"]) == (1, 1, 0)
    assert (mail["call_count"], mail["costless_call_count"], mail["cost_usd"]) == (3, 1, cost)
    assert (mail["success_run_cost_usd"], mail["failed_run_cost_usd"]) == (cost, None)
    assert (mail["value_usd"], mail["return_usd"]) == (5, 5 - cost)
    assert (mail["success_count"], mail["usd_per_success"]) == (2, Decimal("0.1500000000005"))
    assert (triage["run_count"], triage["failed_run_count"], triage["outcome_count"]) == (2, 1, 2)
    assert (triage["cost_usd"], triage["return_usd"], triage["usd_per_success"]) == (None, None, None)
    assert (outside["run_count"], outside["call_count"]) == (0, 4)
    assert outside["cost_usd"] == outside["outside_runs_cost_usd"] == Decimal("3.5")


def test_an_outcome_counts_once_and_the_first_received_stands(rejects):
    path, found = rejects
    outcomes = raw.rows(path, "select outcome_id, value_usd from marts.fct_outcomes order by 1")
    assert [row["outcome_id"] for row in outcomes] == ["o1", "o2", "o3", "o4"]
    assert outcomes[0]["value_usd"] == Decimal("4.20")
    assert found["o", 4]["event_id"] == "o1"
    assert "received first and stands" in found["o", 4]["reason"]


def test_prompts_are_one_row_an_event_the_first_received(rejects):
    path, _ = rejects
    [row] = raw.rows(path, "select * from marts.fct_prompts")
    assert (row["event_id"], row["output_text"], row["is_truncated"]) == ("t1", "first", False)
