"""Deepgram against its contract page: one day of one project per call, every project."""

from datetime import date

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.lines import LineDesk
from tests.dlt_sources.accounts import ACCOUNTS, books, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, Raw, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

DEEPGRAM = ACCOUNTS["deepgram"]
BILLING, USAGE, BALANCES = (
    f"/v1/projects/proj-1/{path}" for path in ("billing/breakdown", "usage/breakdown", "balances")
)


@pytest.fixture
def desk():
    return LineDesk(books())


@pytest.fixture
def served(desk):
    with DEEPGRAM.served(desk) as server:
        yield server


def failure(served, path=BILLING, **answer) -> ProviderError:
    served.faults[path] = [Answer(**answer)]
    with pytest.raises(ProviderError) as caught:
        fetch(DEEPGRAM.provider, "billing_breakdown", served, window("2026-10-01", 1))
    return caught.value


def breakdown(*results, day="2026-10-01"):
    return {"start": day, "end": day, "results": list(results)}


def test_recorded_answers_load_with_every_digit(served, tmp_path):
    for path, name in ((BILLING, "billing_breakdown"), (USAGE, "usage_breakdown")):
        body = payload(f"deepgram_{name}.json") | {"start": "2026-10-20", "end": "2026-10-20"}
        served.faults[path] = [Answer(body=body)]
    served.faults[BALANCES] = [Answer(body=payload("deepgram_balances.json"))]
    served.faults["/v1/projects"] = [Answer(body=payload("deepgram_projects.json")) for _ in range(4)]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(DEEPGRAM.provider, served, window("2026-10-20", 1))
    columns = "day, project_id, dollars, grouping_line_item, grouping_accessor"
    assert warehouse.current("deepgram", "billing_breakdown", columns) == [
        (NOW.date(), "proj-1", "1.25", "streaming::nova-3", None)
    ]
    columns = "hours, tts_characters, requests, grouping_models"
    assert warehouse.current("deepgram", "usage_breakdown", columns) == [("1.5", 0, 12, "nova-3")]
    assert warehouse.current("deepgram", "balances", "balance_id, amount, units") == [
        ("bal-1", "25.5", "usd")
    ]
    assert warehouse.ask("select project_id, name from raw_deepgram.projects") == [("proj-1", "Voice")]


def test_each_day_of_each_project_is_asked_for_alone(desk, served):
    second = date(2026, 10, 2)
    desk.books = books(line("1"), line("2", second), line("4", project="proj-ü"), line("8", key="key-2"))
    days = fetch(DEEPGRAM.provider, "billing_breakdown", served, window("2026-10-01", 3))
    found = [sorted((row["project_id"], row["dollars"]) for row in day.rows) for day in days]
    assert found == [[("proj-1", "1"), ("proj-1", "8"), ("proj-ü", "4")], [("proj-1", "2")], []]
    asked = served.asked(BILLING)
    assert [(query["start"], query["end"]) for query in asked] == [
        ([f"2026-10-0{n}"], [f"2026-10-0{n}"]) for n in (1, 2, 3)
    ]
    assert asked[0]["grouping"] == ["line_item", "accessor"]


def test_the_words_of_deepgram_are_passed_on(served):
    body = {"err_code": "FORBIDDEN", "err_msg": "billing:read is needed", "request_id": "r"}
    error = failure(served, status=403, body=body)
    assert error.fault is Fault.PERMISSION
    assert "billing:read is needed" in error.message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "is about None to None"),
        (breakdown(day="2026-10-02"), "is about 2026-10-02"),
        ({"start": "2026-10-01", "end": "2026-10-01"}, "lacks its list `results`"),
        (breakdown("x"), "is not an object"),
        (breakdown({"dollars": None}), "lacks its `dollars`"),
        (breakdown({"dollars": "much"}), "Field `dollars`"),
    ],
)
def test_a_breakdown_that_does_not_add_up_is_refused_with_a_sentence(served, body, sentence):
    error = failure(served, body=body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


def test_a_key_that_sees_no_project_is_said(served):
    assert "sees no project" in failure(served, "/v1/projects", body={"projects": []}).message


def test_dollars_keep_every_digit(served, tmp_path):
    amounts = ["1.2e-07", "12345.000000000000001", "-3"]
    rows = [{"dollars": Raw(amount), "grouping": {"line_item": f"streaming::{amount}"}} for amount in amounts]
    served.faults[BILLING] = [Answer(body=breakdown(*rows))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(DEEPGRAM.provider, served, window("2026-10-01", 1), tables=["billing_breakdown"])
    found = warehouse.current("deepgram", "billing_breakdown", "dollars")
    assert sorted(found) == sorted((amount,) for amount in amounts)
