"""Google against its contract page: every line of the export, late ones, credits, currencies, tables, tokens."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources.google.tables import COSTS
from sandbox.google.books import STANDARD_EXPORT, Credit, TokenPoint
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.google import (
    DAY,
    INPUT,
    NOW,
    PROVIDER,
    QUERIES,
    SERIES,
    TABLE,
    Google,
    at,
    line,
)
from tests.dlt_sources.warehouse import window


@pytest.fixture(scope="module")
def server():
    with Google() as server:
        yield server


@pytest.fixture
def google(server):
    """The server without books, answers and requests of the tests before."""
    server.desk.__init__(account=server.desk.account)
    server.faults.clear()
    server.requests.clear()
    return server


@pytest.fixture
def pull(google, warehouse):
    def pull(*lines, start=DAY, days=3, **options):
        google.show(*lines)
        asked = window(start.isoformat(), days)
        credentials = google.credentials()
        return warehouse.pull(PROVIDER, None, asked, tables=("costs",), credentials=credentials, **options)

    return pull


def example(name):
    return Answer(body=payload(f"google_{name}.json"))


def test_every_example_payload_loads_to_the_last_digit(google, warehouse):
    google.faults["/token"] = [example("token")] * 2
    google.faults[TABLE] = [example("table")]
    google.faults[QUERIES] = [example("query_days"), example("query_costs")]
    google.faults[SERIES] = [example("time_series")]
    credentials = google.credentials(monitored_projects="ml-prod")
    warehouse.pull(PROVIDER, None, window("2026-11-20", 1), credentials=credentials)
    said = "day, amount, currency, sku_description, labels, usage_amount, credit_type, invoice_month, export_time"
    labels, exported = '[{"key":"team","value":"search"}]', "2026-11-20T09:14:31.000000Z"
    assert warehouse.current("google", "costs", said, "order by amount") == [
        (DAY, "-0.05", "USD", INPUT, labels, None, "PROMOTION", "202611", exported),
        (DAY, "0.5", "USD", INPUT, labels, "1000000", None, "202611", exported),
    ]
    assert warehouse.current("google", "token_metrics", "day, project_id, model_user_id, type, value") == [
        (DAY, "ml-prod", "gemini-3.8-flash", "input", 1204551)
    ]


def test_every_credit_is_a_row_of_its_own_and_the_sum_is_the_net_cost(google):
    given = (Credit(Decimal("-0.100000000001")), Credit(Decimal("-3e-7"), "FREE_TIER", "free", "f-1"))
    google.show(line("0.5", credits=given, amount=Decimal(7)), line("1.5e-7"), line("123456.123456789"))
    rows = google.rows()
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("123456.523456638999")
    credited = [row for row in rows if row["is_credit"]]
    assert {(row["credit_type"], row["credit_name"], row["amount"]) for row in credited} == {
        ("PROMOTION", "Trial", "-0.100000000001"),
        ("FREE_TIER", "free", "-3e-07"),
    }
    assert {(row["usage_amount"], row["cost_at_list"], row["sku_description"]) for row in credited} == {
        (None, None, INPUT)
    }
    assert all(set(row) == set(COSTS.columns) for row in rows)


def test_no_number_is_sent_as_a_number_that_a_client_would_make_a_float_of(google):
    google.show(line("0.5", credits=(Credit(Decimal("-0.05")),)))
    google.rows()
    _, sql = google.desk.queries
    for money in ("cost", "currency_conversion_rate", "usage.amount", "credit.amount", "cost_at_list"):
        assert f"CAST({money} AS STRING)" in sql


def test_identical_lines_both_count(google):
    google.show(line("0.25"), line("0.25"))
    assert [row["amount"] for row in google.rows()] == ["0.25", "0.25"]


def test_a_line_that_comes_late_restates_its_day_even_before_the_window(pull, warehouse):
    early, old, late = date(2026, 11, 20), date(2026, 10, 3), at(date(2026, 11, 23), 5)
    first = [line("1", early), line("2", old)]
    pull(*first, start=old, days=49)
    assert warehouse.money("google", "costs", "amount") == 3
    adjustment = line("-0.5", old, cost_type="adjustment", exported_at=late)
    pull(*first, adjustment, line("4", early, hour=23, exported_at=late), start=date(2026, 11, 22), days=3)
    assert warehouse.money("google", "costs", "amount") == Decimal("6.5")
    versions = warehouse.ask(
        "select day, row_count from raw_google.pulled_days where row_count > 0 order by day, observed_at"
    )
    assert versions == [(old, 1), (old, 2), (early, 1), (early, 2)]


def test_days_that_got_nothing_new_are_not_read_again(google):
    google.show(line("1", date(2026, 11, 1)), line("2", date(2026, 11, 22)))
    days = google.fetch("costs", date(2026, 11, 21), 3)
    assert [(day.day.day, len(day.rows)) for day in days] == [(21, 0), (22, 1), (23, 0)]


def test_a_window_of_the_past_brings_its_own_days_and_no_later_ones(google):
    google.show(*(line(str(n), date(2026, 11, n)) for n in range(1, 21)))
    days = google.fetch("costs", date(2026, 11, 5), 3)
    assert [(day.day.day, [row["amount"] for row in day.rows]) for day in days] == [
        (5, ["5.0"]), (6, ["6.0"]), (7, ["7.0"]),
    ]  # fmt: skip


def test_a_vanished_line_and_an_empty_day_replace_what_was_said(pull, warehouse):
    for lines in ([line("1"), line("2", sku="Other")], [line("1.5")], []):
        pull(*lines, days=1)
        assert warehouse.money("google", "costs", "amount") == sum(one.cost for one in lines)
    assert warehouse.ask("select row_count from raw_google.pulled_days order by observed_at") == [
        (2,), (1,), (0,),
    ]  # fmt: skip


def test_days_that_have_not_begun_and_days_before_the_export_are_not_claimed(google):
    assert [day.day for day in google.fetch("costs", NOW.date(), 5)] == [NOW.date()]
    google.desk.created_at = datetime(2026, 11, 10, tzinfo=UTC)
    google.show(line("1", date(2026, 9, 2), exported_at=at(date(2026, 11, 10))))
    days = google.fetch("costs", date(2026, 9, 1), 40)
    assert [(day.day, len(day.rows)) for day in days][:2] == [(date(2026, 9, 2), 1), (date(2026, 10, 1), 0)]
    google.desk.location = "europe-west3"
    days = google.fetch("costs", date(2026, 11, 8), 5, location="europe-west3")
    assert [day.day.day for day in days] == [2, 10, 11, 12]


def test_many_pages_are_read_to_the_last_and_a_slow_query_is_waited_for(google):
    google.desk.rows_per_page, google.desk.polls_until_done = 7, 2
    google.show(*(line(str(n), DAY + timedelta(days=n % 3)) for n in range(100)))
    days = google.fetch()
    assert sorted(int(float(row["amount"])) for day in days for row in day.rows) == list(range(100))
    assert [day.day for day in days] == window(DAY.isoformat(), 3).days


def test_only_ai_services_count_and_those_that_are_named(google):
    google.show(
        line("1"),
        line("2", service="Generative Language API", service_id="AEFD-7695-64FA"),
        line("4", service="Claude Sonnet 4.5", service_id="0000", seller="Anthropic"),
        line("8", service="Compute Engine", service_id="6F81-5844-456A"),
        line("16", service="Invoice", service_id=None, sku="Tax", project=None, cost_type="tax"),
        line("32", service=None, service_id=None, cost_type="rounding_error"),
    )
    assert sum(Decimal(row["amount"]) for row in google.rows()) == 7
    assert sum(Decimal(row["amount"]) for row in google.rows(services="invoice, 6f81-5844-456a")) == 31


def test_the_table_decides_whether_resources_are_told_and_a_new_column_is_no_matter(google):
    google.show(line("1", resource="//aiplatform/endpoint-7"))
    google.desk.faults.extra_fields = {"something_new": "x"}
    assert [row["resource_name"] for row in google.rows()] == ["//aiplatform/endpoint-7"]
    assert [row["resource_name"] for row in google.rows(table=STANDARD_EXPORT)] == [None]


def test_a_view_on_the_export_is_filtered_by_when_its_lines_were_exported(google):
    google.desk.is_view = True
    google.show(line("1"), line("2", date(2026, 11, 1)))
    assert [row["amount"] for row in google.rows()] == ["1.0"]
    assert all("export_time >= @since" in sql for sql in google.desk.queries)
    google.desk.is_view = False
    google.rows()
    assert "_PARTITIONTIME >= @since" in google.desk.queries[-1]


def test_another_currency_is_kept_with_its_rate(google):
    google.show(line("2", currency="EUR", rate=Decimal("0.9213")))
    (row,) = google.rows()
    assert (row["amount"], row["currency"], row["currency_conversion_rate"]) == ("2.0", "EUR", "0.9213")


def test_tokens_come_by_hour_from_the_projects_that_are_named(google):
    model = "gemini-3.8-flash"
    points = [
        TokenPoint(at(), "ml-prod", model, "input", 3),
        TokenPoint(at(hour=23), "ml-prod", model, "input", 4),
        TokenPoint(at(), "ml-prod", model, "output", 5),
        TokenPoint(at(), "ml-dev", "gemini-2.5-pro", "input", 6),
    ]
    google.show(points=points)
    google.desk.rows_per_page = 1
    assert google.fetch("token_metrics") == []
    day, empty, _ = google.fetch("token_metrics", monitored_projects="ml-prod, ml-dev")
    assert sorted((row["model_user_id"], row["type"], row["start_time"][11:13], row["value"]) for row in day.rows) == [
        ("gemini-2.5-pro", "input", "01", 6),
        (model, "input", "01", 3),
        (model, "input", "23", 4),
        (model, "output", "01", 5),
    ]  # fmt: skip
    assert empty.rows == []
    kept = google.fetch("token_metrics", date(2026, 9, 1), 90, monitored_projects="ml-dev")
    assert kept[0].day == NOW.date() - timedelta(days=41)


def test_the_account_is_the_billing_account_whichever_export_is_read(google):
    google.show(line("1", date(2026, 11, 23)))
    for table in google.desk.tables:
        rights = PROVIDER.check(google.credentials(table=table))
        assert rights.account_id == "01ABCD-2EF345-6789AB"
        assert rights.readable == ("costs", "token_metrics")
