"""Fireworks against what is known of it: proto money exactly, pages to the end, another shape refused."""

from datetime import date
from decimal import Decimal

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.faults import EndlessPaging
from sandbox.lines import LineDesk
from tests.dlt_sources.accounts import ACCOUNTS, books, line
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, fetch, window

FIREWORKS = ACCOUNTS["fireworks"]
ACCOUNT = "/v1/accounts/acme"
COSTS, SUMMARY, USAGE = (
    f"{ACCOUNT}/{name}" for name in ("usageCosts:query", "billing/summary", "billingUsage")
)
GLM = "accounts/fireworks/models/glm-5p2"


@pytest.fixture
def desk():
    return LineDesk(books())


@pytest.fixture
def served(desk):
    with FIREWORKS.served(desk) as server:
        yield server


def costs(served, days=1):
    return fetch(FIREWORKS.provider, "usage_costs", served, window("2026-10-01", days))


def failure(served, path=COSTS, table="usage_costs", **answer) -> ProviderError:
    if answer:
        served.faults[path] = [Answer(**answer)]
    with pytest.raises(ProviderError) as caught:
        fetch(FIREWORKS.provider, table, served, window("2026-10-01", 1))
    return caught.value


def test_recorded_answers_load_with_every_digit(served, tmp_path):
    body = payload("fireworks_usage_costs.json")
    for row in body["rows"]:
        row["dimensions"]["startTime"] = "2026-10-01T00:00:00Z"
    served.faults[COSTS] = [Answer(body=body)]
    served.faults[SUMMARY] = [Answer(body=payload("fireworks_billing_summary.json"))]
    served.faults[USAGE] = [Answer(body=payload("fireworks_billing_usage.json"))]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(FIREWORKS.provider, served, window("2026-10-01", 1))
    columns = "dimensions_model, subtotal_units, subtotal_nanos, subtotal_currency_code, is_remainder"
    assert warehouse.current("fireworks", "usage_costs", columns, "order by 3 desc") == [
        (GLM, "12", 500_000_000, "USD", None),
        (None, "0", 250_000_000, "USD", None),
        (None, "0", 1, "USD", True),
    ]
    columns = "category, grouping_value, quantity, total_cost_units, total_cost_nanos"
    assert warehouse.current("fireworks", "billing_summary", columns, "order by 1") == [
        ("Dedicated deployment", None, "3600", "2", 0),
        ("LLM output tokens", "GLM 5.2", "88415929", "12", 500_000_000),
    ]
    columns = "kind, model_name, cached_prompt_tokens, uncached_prompt_tokens, accelerator_seconds"
    assert warehouse.current("fireworks", "billing_usage", columns, "order by 1") == [
        ("dedicatedCosts", None, None, None, "3600"),
        ("serverlessCosts", GLM, "762880", "123331", None),
    ]


def test_every_page_is_read_and_asked_for_with_its_token(desk, served):
    desk.books = books(*(line("0.000000001", model=f"m{n}") for n in range(120)))
    (day,) = costs(served)
    assert len(day.rows) == 120
    assert sum(map(FIREWORKS.amount, day.rows)) == Decimal("0.00000012")
    assert len(served.asked(COSTS)) == 3


def test_pages_that_go_in_a_circle_are_refused(desk, served):
    desk.books, desk.faults.endless_paging = books(line("1")), EndlessPaging.SAME_CURSOR
    error = failure(served)
    assert error.fault is Fault.CONTRACT
    assert "in a circle" in error.message


def test_what_a_day_sums_to_beyond_its_models_is_a_line_of_its_own(desk, served):
    desk.books = books(line("1.25", model=GLM), line("0.75", model=""), line("-0.000000001", model=""))
    (day,) = costs(served)
    found = {row["dimensions_model"]: (FIREWORKS.amount(row), row["is_remainder"]) for row in day.rows}
    assert found == {GLM: (Decimal("1.25"), None), None: (Decimal("0.749999999"), True)}


def test_a_day_without_anything_is_an_empty_answer(served):
    served.faults[COSTS] = [Answer(body={})]
    served.faults[SUMMARY] = [Answer(body={})]
    assert [(day.day, day.rows) for day in costs(served)] == [(date(2026, 10, 1), [])]
    (day,) = fetch(FIREWORKS.provider, "billing_summary", served, window("2026-10-01", 1))
    assert day.rows == []


def test_a_line_of_the_summary_that_is_not_rated_has_no_amount(served):
    served.faults[SUMMARY] = [Answer(body={"lineItems": [{"category": "Training", "quantity": "5"}]})]
    (day,) = fetch(FIREWORKS.provider, "billing_summary", served, window("2026-10-01", 1))
    assert [(row["quantity"], row["total_cost_units"]) for row in day.rows] == [("5", None)]


def test_a_wrong_account_is_told_where_to_find_the_right_one(served):
    error = failure(served, status=404, body={"code": 5, "message": "account not found"})
    assert error.fault is Fault.PERMISSION
    assert "account not found" in error.message
    assert "account id" in error.next_step


def money(**amount):
    start = {"startTime": "2026-10-01T00:00:00Z", "model": "m"}
    return {"rows": [{"dimensions": start, "subtotal": amount}]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"costs": [{"usd": 1}]}, "answers in another shape"),
        ({"rows": "none"}, "answers in another shape"),
        ({"rows": ["x"]}, "is not an object"),
        ({"rows": [{"dimensions": {}, "cost": 1}]}, "has no amount with"),
        (money(units="1"), "no currency in `subtotal_currency_code`"),
        (money(currencyCode="USD", units="much"), "whole numbers"),
        (money(currencyCode="USD", units="1", nanos=-5), "do not go with its `units`"),
        (money(currencyCode="USD", nanos=1_000_000_000), "do not go with its `units`"),
        ({"rows": [{"subtotal": {"currencyCode": "USD"}}]}, "no day that can be read"),
    ],
)
def test_money_in_another_shape_is_refused_with_a_sentence(served, body, sentence):
    if "much" in str(body):
        sentence = "not a number"
    error = failure(served, body=body)
    assert error.fault is Fault.CONTRACT
    assert sentence in error.message
