"""Vercel AI Gateway against its contract page: exact report, one query, own keys cost nothing."""

from datetime import date

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.lines import LineDesk
from tests.dlt_sources.accounts import ACCOUNTS, DAY, books, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, Raw, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

VERCEL = ACCOUNTS["vercel"]
REPORT = "/v1/report"


@pytest.fixture
def desk():
    return LineDesk(books())


@pytest.fixture
def gateway(desk):
    with VERCEL.served(desk) as served:
        yield served


def failure(gateway, **answer) -> ProviderError:
    gateway.faults[REPORT] = [Answer(**answer)]
    with pytest.raises(ProviderError) as caught:
        fetch(VERCEL.provider, "report", gateway, window("2026-10-01", 2))
    return caught.value


def item(**fields):
    return {"day": "2026-10-01", "model": "m", "total_cost": 1} | fields


def test_recorded_answers_load_with_every_digit(gateway, tmp_path):
    body = payload("vercel_report.json")
    for result in body["results"]:
        result["day"] = "2026-10-19"
    gateway.faults[REPORT] = [Answer(body=body)]
    gateway.faults["/v1/credits"] = [Answer(body=payload("vercel_credits.json"))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(VERCEL.provider, gateway, window("2026-10-19", 2))
    columns = (
        "model, total_cost, market_cost, input_tokens, cached_input_tokens, reasoning_tokens, request_count"
    )
    assert warehouse.current("vercel", "report", columns, "order by 1") == [
        ("anthropic/claude-sonnet-5", "1.23", "1.4", 1000, 200, 10, 12),
        ("openai/gpt-5-mini", "0", "0.75", 500, 0, 0, 3),
    ]
    assert warehouse.current("vercel", "credits", "day, balance, total_used") == [
        (NOW.date(), "95.50", "4.50")
    ]


def test_all_days_are_one_query_up_to_a_day_more_but_never_beyond_today(desk, gateway):
    desk.books = books(line("1"), line("2", date(2026, 10, 3)))
    days = fetch(VERCEL.provider, "report", gateway, window("2026-10-01", 2))
    assert [(day.day, len(day.rows)) for day in days] == [(DAY, 1), (date(2026, 10, 2), 0)]
    fetch(VERCEL.provider, "report", gateway, window("2026-10-19", 5))
    asked = [(query["start_date"], query["end_date"], query["group_by"]) for query in gateway.asked(REPORT)]
    assert asked == [
        (["2026-10-01"], ["2026-10-03"], ["model"]),
        (["2026-10-19"], ["2026-10-20"], ["model"]),
    ]


def test_a_day_that_was_not_asked_for_is_refused(gateway):
    body = {"results": [item(day="2026-09-30")]}
    assert "holds 2026-09-30, which was not asked for" in failure(gateway, body=body).message


def test_exhausted_credits_are_said_and_what_to_do(gateway):
    error = failure(gateway, status=402, body={"error": {"message": "Budget exceeded"}})
    assert error.fault is Fault.PERMISSION
    assert "Budget exceeded" in error.message
    assert "Top up" in error.next_step


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (None, "lacks its list `results`"),
        (["x"], "is not an object"),
        ([item(total_cost=None)], "lacks its `total_cost`"),
        ([item(day=None)], "no day that can be read"),
        ([item(day="2026-10-01T03:00:00")], "not midnight UTC"),
        ([item(total_cost="a lot")], "Field `total_cost`"),
        ([item(input_tokens=Raw("1.5"))], "Field `input_tokens`"),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused_with_a_sentence(gateway, results, sentence):
    error = failure(gateway, body={"results": results})
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message


def test_a_restated_a_shrunk_and_an_emptied_day_replace_what_was_said(desk, gateway, tmp_path):
    warehouse = Warehouse(tmp_path)
    for lines, money in (
        ([line("1"), line("2", model="n")], 3),
        ([line("1.5"), line("2", model="n")], 3.5),
        ([line("2", model="n")], 2),
        ([], 0),
    ):
        desk.books = books(*lines)
        warehouse.pull(VERCEL.provider, gateway, window("2026-10-01", 1), tables=["report"])
        assert warehouse.money("vercel", "report", "total_cost") == money
