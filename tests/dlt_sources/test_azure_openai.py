"""Azure against its contract page: the bill in three views, token metrics, names, roles, paging and faults."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import azure_openai
from dlt_sources.contract import Fault
from sandbox.azure_openai.books import AzureBooks
from tests.dlt_sources.azure import (
    DEV,
    INPUT,
    LOGIN,
    METRICS,
    NOW,
    OUTPUT,
    PROD,
    PROVIDER,
    QUERY,
    QUICK,
    SUBSCRIPTION,
    books,
    count,
    line,
    page,
)
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import window

IN_NOVEMBER = azure_openai.build_provider(
    clock=lambda: datetime(2026, 11, 21, tzinfo=UTC) + timedelta(hours=8), patience=QUICK
)


@pytest.fixture
def pull(azure, warehouse):
    def pull(*lines, tables=("costs",), **options):
        azure.desk.books = books(*lines)
        days = window("2026-10-01", 1)
        return warehouse.pull(PROVIDER, None, days, tables=tables, credentials=azure.credentials(), **options)

    return pull


def example(name):
    return Answer(body=payload(f"azure_openai_{name}.json"))


def test_every_example_payload_loads_to_the_last_digit(azure, warehouse):
    azure.answers[LOGIN] = [Answer(body=payload("azure_openai_token.json"))] * 6
    azure.answers[QUERY] = list(map(example, ["costs_page1", "costs_page2", "charge_types", "meter_units"]))
    azure.answers["/accounts"] = [example("accounts")] * 3
    no_metric = Answer(400, payload("azure_openai_error_400_grouping.json"))
    azure.answers[METRICS] = [example("metrics"), no_metric, no_metric]
    azure.answers["/deployments"] = [example("deployments")]
    warehouse.pull(IN_NOVEMBER, None, window("2026-11-19", 2), credentials=azure.credentials())

    def current(report, select):
        return sorted(warehouse.current("azure_openai", report, select))

    assert current("costs", "day, cost, usage_quantity, meter, currency") == [
        (date(2026, 11, 19), "0.617284", "493.8272", "gpt 4o 0806 cached Inp glbl Tokens", "USD"),
        (date(2026, 11, 19), "1.5e-05", "0.0015", OUTPUT, "USD"),
        (date(2026, 11, 19), "12.3456", "4938.24", INPUT, "USD"),
        (date(2026, 11, 20), "3", "2.4", "GPT 5 Inpt Glbl 1M Tokens", "USD"),
    ]
    assert current("charge_types", "charge_type, cost") == [("Refund", "-2.5"), ("Usage", "12.3456")]
    assert current("meter_units", "unit_of_measure") == [("1K",), ("1M",)]
    assert current("token_metrics", "metric, time_stamp, total, model_deployment_name, model_name") == [
        ("AzureOpenAIRequests", "2026-11-20T00:00:00Z", 31, "gpt-4o-prod", "gpt-4o"),
        ("GeneratedTokens", "2026-11-20T00:00:00Z", 2210, "gpt-4o-prod", "gpt-4o"),
        ("GeneratedTokens", "2026-11-20T01:00:00Z", 0, "gpt-4o-prod", "gpt-4o"),
        ("ProcessedPromptTokens", "2026-11-20T00:00:00Z", 120455, "gpt-4o-prod", "gpt-4o"),
    ]
    assert warehouse.ask("select name, kind, location from raw_azure_openai.accounts order by 1") == [
        ("aoai-prod", "OpenAI", "eastus"),
        ("speech", "SpeechServices", "westus"),
    ]
    assert warehouse.ask(
        "select id = account_id || '/deployments/' || name, sku_name, sku_capacity, model_name, model_version"
        " from raw_azure_openai.deployments"
    ) == [(True, "GlobalStandard", 10, "gpt-4o", "2024-08-06")]


def test_the_three_views_of_the_bill_hold_the_same_money(azure):
    azure.desk.books = books(
        line("0.1"),
        line("0.2", account=DEV, meter=OUTPUT),
        line("-0.05", charge_type="Refund", quantity="0"),
    )
    totals = {}
    for table in ("costs", "charge_types", "meter_units"):
        days = azure.fetch(PROVIDER, table)
        totals[table] = sum(Decimal(row["cost"]) for day in days for row in day.rows)
        assert [day.day for day in days] == window("2026-10-01", 3).days
    assert totals == {
        "costs": Decimal("0.3"),
        "charge_types": Decimal("0.25"),
        "meter_units": Decimal("0.25"),
    }


def test_the_question_is_as_documented_and_ends_now(azure):
    azure.fetch(PROVIDER, "costs", 3, date(2026, 10, 19), marketplace_meters="Claude CCU, Other")
    (body,) = azure.bodies
    assert body["timePeriod"] == {"from": "2026-10-19T00:00:00Z", "to": NOW.strftime("%Y-%m-%dT%H:%M:%SZ")}
    data = body["dataset"]
    assert [part["name"] for part in data["grouping"]] == ["ResourceId", "Meter"]
    assert [part["name"] for part in data["aggregation"].values()] == ["Cost", "UsageQuantity"]
    (wanted, usage) = data["filter"]["and"]
    assert usage["dimensions"]["values"] == ["Usage"]
    assert wanted["or"][0]["dimensions"]["values"] == ["microsoft.cognitiveservices/accounts"]
    assert wanted["or"][1]["and"][1]["dimensions"]["values"] == ["Claude CCU", "Other"]
    assert {headers.get("clienttype") for headers in azure.sent_headers} == {None, "meterhouse"}


def test_other_marketplace_spend_counts_only_when_its_meter_is_named(azure):
    azure.desk.books = books(line("1"), line("5", meter="Claude CCU", publisher_type="Marketplace"))
    assert sum(len(day.rows) for day in azure.fetch(PROVIDER, "costs")) == 1
    assert sum(len(day.rows) for day in azure.fetch(PROVIDER, "costs", marketplace_meters="Claude CCU")) == 2


def test_a_long_window_is_asked_in_parts_of_31_days_and_no_day_is_lost(azure):
    days = window("2026-06-01", 100)
    azure.desk.books = books(*(line(str(n), day) for n, day in enumerate(days.days)))
    pulled = azure.fetch(PROVIDER, "costs", 100, days.start)
    assert [row["cost"] for day in pulled for row in day.rows] == [str(n) for n in range(100)]
    assert len(azure.bodies) == 4


def test_a_wide_scope_is_grouped_by_subscription_and_its_accounts_are_found_everywhere(azure):
    group = {"scope": "providers/Microsoft.Management/managementGroups/corp"}
    azure.fetch(PROVIDER, "costs", **group)
    assert [part["name"] for part in azure.bodies[0]["dataset"]["grouping"]] == ["SubscriptionId", "Meter"]
    azure.desk.books = books(counts=[count(7)])
    assert [row["total"] for day in azure.fetch(PROVIDER, "token_metrics", **group) for row in day.rows] == [
        7
    ]
    azure.desk.books = AzureBooks()
    assert azure.failure("token_metrics", **group).fault is Fault.PERMISSION


def test_every_page_is_asked_with_the_same_body_at_the_address_of_the_form(azure):
    azure.desk.books = books(*(line(str(n), meter=f"meter {n}") for n in range(7)))
    azure.desk.rows_per_page = 3
    rows = azure.fetch(PROVIDER, "costs")[0].rows
    assert sorted(row["cost"] for row in rows) == [str(n) for n in range(7)]
    assert len(azure.bodies) == 3
    assert all(body == azure.bodies[0] for body in azure.bodies)
    azure.desk.rows_per_page = 1
    assert len(azure.fetch(PROVIDER, "accounts")) == 3


def test_numbers_as_text_text_as_numbers_new_columns_and_unicode_are_taken_as_they_come(azure):
    azure.desk.faults.extra_fields = {"BenefitName": "Größe"}
    azure.desk.books = books(line("1", meter="模型 Inp Tokens"))
    (row,) = azure.fetch(PROVIDER, "costs")[0].rows
    assert (row["meter"], row["benefit_name"]) == ("模型 Inp Tokens", "Größe")
    azure.answers[QUERY] = [Answer(body=page(rows=[["1.50", "2", "20261001", "/a", 4711, "usd"]]))]
    (row,) = azure.fetch(PROVIDER, "costs")[0].rows
    assert (row["cost"], row["usage_quantity"], row["meter"]) == ("1.50", "2", "4711")


def test_a_restated_day_a_vanished_line_and_an_empty_day_replace_what_was_said(pull, warehouse):
    for lines in ([line("1"), line("2", meter=OUTPUT)], [line("1.5")], []):
        pull(*lines)
        assert warehouse.money("azure_openai", "costs", "cost") == sum(one.cost for one in lines)
    assert warehouse.ask("select row_count from raw_azure_openai.pulled_days order by observed_at") == [
        (2,), (1,), (0,),
    ]  # fmt: skip


def test_no_content_is_an_empty_day(azure):
    azure.answers[QUERY] = [Answer(204, b"")]
    assert [day.rows for day in azure.fetch(PROVIDER, "costs")] == [[], [], []]


def test_a_bill_in_another_currency_says_how_to_get_dollars(azure):
    azure.desk.books = books(line("2"), currency="EUR", usd_per_unit=Decimal("1.1"))
    error = azure.failure()
    assert "is in EUR" in error.message
    assert "CostUSD" in error.next_step
    (row,) = azure.fetch(PROVIDER, "costs", cost_column="CostUSD")[0].rows
    assert (row["cost"], row["cost_usd"]) == (None, "2.2")


def test_token_metrics_come_by_hour_from_accounts_that_serve_models_only(azure):
    newer = [count(5, "InputTokens", account=DEV), count(6, "cacheReadInputTokens", account=DEV)]
    azure.desk.books = books(counts=[count(3), count(4, hour=23), *newer])
    (day, empty, _) = azure.fetch(PROVIDER, "token_metrics")
    found = sorted((row["metric"], row["time_stamp"][11:13], row["total"]) for row in day.rows)
    assert found == [
        ("InputTokens", "00", 5),
        ("ProcessedPromptTokens", "00", 3),
        ("ProcessedPromptTokens", "23", 4),
        ("cacheReadInputTokens", "00", 6),
    ]
    assert {row["model_deployment_name"] for row in day.rows} == {"chat"}
    assert empty.rows == []
    assert not [one for one in azure.asked(METRICS) if "/ears/" in one]
    assert {one.split("top=")[1].split("&")[0] for one in azure.asked(METRICS)} == {"1000"}


def test_days_older_than_azure_monitor_keeps_are_not_claimed_to_be_empty(azure):
    kept = azure.fetch(PROVIDER, "token_metrics", 200, date(2026, 5, 1))
    assert kept[0].day == NOW.date() - timedelta(days=92)


def test_named_accounts_are_read_without_looking_for_others(azure):
    azure.desk.books = books(counts=[count(3), count(4, account=DEV)])
    days = azure.fetch(PROVIDER, "token_metrics", resource_ids=PROD)
    assert [row["total"] for day in days for row in day.rows] == [3]
    assert [row["name"] for row in azure.fetch(PROVIDER, "accounts", resource_ids=PROD)] == ["aoai-prod"]
    assert not azure.asked("/accounts")


def test_a_scope_is_taken_with_or_without_its_slashes(azure):
    assert azure.credentials(scope=f"/subscriptions/{SUBSCRIPTION}/").scope == f"subscriptions/{SUBSCRIPTION}"
    assert azure.credentials(resource_ids=f"{PROD}, {DEV}").account_ids == [PROD.lower(), DEV.lower()]
    assert "PLANTED" not in repr(azure.credentials())
