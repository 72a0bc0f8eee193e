"""Together against its contract page: a beta to be enabled, months in pages, a line that comes twice is two."""

from datetime import date
from decimal import Decimal

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.faults import EndlessPaging
from sandbox.together.api import TogetherDesk
from tests.dlt_sources.accounts import ACCOUNTS, DAY, books, days_after, line
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

TOGETHER = ACCOUNTS["together"]
PATH = "/v1/billing/usage"
INPUT = "Serverless Inference - Input Tokens"


@pytest.fixture
def desk():
    return TogetherDesk(books())


@pytest.fixture
def served(desk):
    with TOGETHER.served(desk) as server:
        yield server


def usage(served, start="2026-10-01", days=3):
    return fetch(TOGETHER.provider, "usage", served, window(start, days))


def failure(served, **answer) -> ProviderError:
    if answer:
        served.faults[PATH] = [Answer(**answer)]
    with pytest.raises(ProviderError) as caught:
        usage(served)
    return caught.value


def page(*data, **more):
    return {"object": "list", "currency": "USD", "data": list(data), "next_cursor": None} | more


def test_the_recorded_answer_loads_with_every_digit(served, tmp_path):
    body = payload("together_usage.json")
    body["data"][0]["date"] = "2026-10-19"
    served.faults[PATH] = [Answer(body=body)]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(TOGETHER.provider, served, window("2026-10-19", 1))
    columns = (
        "product_name, quantity, unit_price, cost, currency, pricing_dimensions_model, attributes_api_key_id"
    )
    assert warehouse.current("together", "usage", columns) == [
        (INPUT, "1000000", "0.00000088", "0.88", "USD", "meta/llama", "key-1")
    ]


def test_a_beta_that_is_not_enabled_is_a_matter_of_setup(desk, served):
    desk.is_enabled = False
    with pytest.raises(ProviderError) as caught:
        TOGETHER.provider.check(served.credentials())
    assert caught.value.fault is Fault.PERMISSION
    assert "does not let it read this (HTTP 404" in caught.value.message
    assert "until Together's support has enabled it" in caught.value.next_step
    assert failure(served, status=404, body=payload("together_error_404.json")).fault is Fault.PERMISSION


def test_a_day_split_over_pages_is_one_day_and_alike_lines_are_each_their_own(desk, served, tmp_path):
    same = [line("0.88", token_type=INPUT) for _ in range(5)]
    desk.books, desk.lines_per_page = books(*same, line("1", date(2026, 10, 2))), 2
    days = usage(served)
    assert [(day.day, len(day.rows)) for day in days] == [
        (DAY, 5),
        (date(2026, 10, 2), 1),
        (date(2026, 10, 3), 0),
    ]
    assert [query.get("after") for query in served.asked(PATH)] == [None, ["2"], ["4"]]
    warehouse = Warehouse(tmp_path)
    for _ in range(2):
        warehouse.pull(TOGETHER.provider, served, window("2026-10-01", 3))
    assert warehouse.money("together", "usage", "cost") == Decimal("5.4")


def test_months_are_asked_for_once_each_and_today_is_not_told(served):
    days = usage(served, "2026-09-28", 60)
    assert [day.day for day in days] == days_after(date(2026, 9, 28), 22)
    assert days[-1].day < NOW.date()
    assert [query["month"] for query in served.asked(PATH)] == [["2026-09"], ["2026-10"]]


def test_pages_that_go_in_a_circle_are_refused(desk, served):
    desk.faults.endless_paging = EndlessPaging.SAME_CURSOR
    error = failure(served)
    assert error.fault is Fault.CONTRACT
    assert "in a circle" in error.message


def lines(*items):
    return {"date": "2026-10-01", "line_items": list(items)}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "lacks its list `data`"),
        (page("x"), "is not an object"),
        (page({"date": "2026-10-01"}), "lacks its list `line_items`"),
        (page(lines("x")), "is not an object"),
        (page(lines({"quantity": "1"})), "lacks its `cost`"),
        (page(lines({"cost": "1"}), currency=None), "no currency in `currency`"),
        (page(lines({"cost": "much"})), "Field `cost`"),
        (page({"date": "2026-11-02", "line_items": []}), "not asked for"),
        (page({"date": "today", "line_items": []}), "no day that can be read"),
        (page(next_cursor=7), "a cursor that is not text"),
    ],
)
def test_a_month_that_does_not_add_up_is_refused_with_a_sentence(served, body, sentence):
    error = failure(served, body=body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message
