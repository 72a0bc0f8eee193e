"""Cursor, GitHub Copilot, Databricks and Snowflake in the marts: billed there is what their books bill, exactly."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import cursor, databricks, github_copilot, snowflake
from dlt_sources.contract import Provider, Window
from dlt_sources.cursor.reports import CursorCredentials
from dlt_sources.databricks.credentials import DatabricksCredentials
from dlt_sources.github_copilot.credentials import GitHubCredentials
from dlt_sources.snowflake.credentials import SnowflakeCredentials
from sandbox.cursor.api import CursorKeys, cursor_app
from sandbox.cursor.books import CursorDesk
from sandbox.cursor.books import small_account as cursor_account
from sandbox.databricks.api import DatabricksKeys, databricks_app
from sandbox.databricks.books import DatabricksBooks, DatabricksDesk, UsageRecord
from sandbox.databricks.books import small_account as databricks_account
from sandbox.github_copilot.api import GitHubKeys, github_copilot_app
from sandbox.github_copilot.books import BilledLine, GitHubBooks, GitHubDesk
from sandbox.github_copilot.books import small_account as github_account
from sandbox.snowflake.api import SnowflakeKeys, snowflake_app
from sandbox.snowflake.books import SnowflakeDesk
from sandbox.snowflake.books import small_account as snowflake_account
from tests.dbt import raw
from tests.dlt_sources.served import Served

DAY = date(2026, 10, 1)
DAYS = Window(DAY, DAY + timedelta(days=3))
ODD_DAY, OLD_DAY = date(2026, 9, 30), date(2026, 5, 31)
NOW = datetime(2026, 10, 5, 6, tzinfo=UTC)
PROVIDERS = ("cursor", "github_copilot", "databricks", "snowflake")
MODELS = (
    "fct_usage",
    "fct_transactions",
    "duplicate_events",
    "fct_attributed_costs",
    "fct_reconciliation",
    "fct_charges",
    "fct_gateway_costs",
    "focus_costs",
    "fct_bill_versions",
    "dim_connection",
)
STAGING = tuple(f"staging.{name}" for name in PROVIDERS)
IDENTITIES = (
    "money_in_equals_money_out",
    "attribution_sums_to_the_bill",
    "variance_adds_up",
    "every_event_counts_once",
    "focus_costs_conform",
    "focus_costs_are_the_bill",
    "bill_versions_are_the_charges",
)
WARNED = ["accepted_values_stg_databricks__usage_is_priced__False__True"]
"""A record without a list price is unknown cost, and said so."""
CURSOR_BOOKS, CURSOR_TRUTH = cursor_account(DAY, 3, seed=3)
GITHUB_BOOKS, GITHUB_TRUTH = github_account(DAY, 3, seed=3)
DATABRICKS_BOOKS, DATABRICKS_TRUTH = databricks_account(DAY, 3, seed=3)
SNOWFLAKE_BOOKS, SNOWFLAKE_TRUTH = snowflake_account(DAY, 3, seed=3)
UNPRICED = UsageRecord("unpriced", datetime(2026, 10, 1, 12, tzinfo=UTC), "NEW_SKU", Decimal("0.25"))
ODD_CREDIT = BilledLine(DAY, "ai-credits", Decimal("0.01"), Decimal(7), model=None, sku="Something new")


def land(path, provider: Provider, app, credentials):
    """The raw rows of all reports, as they are read from the provider's API on loopback."""
    with Served(app) as served:
        form = credentials(served.url)
        for report in provider.reports:
            for day in report.fetch(form, Window(DAYS.start, NOW.date() + timedelta(days=1))):
                raw.pull(path, f"c-{provider.name}", report.name, day.day, list(day.rows))


def write(path):
    """Three days of every account."""
    raw.create(path, PROVIDERS)
    raw.add_connections(path, *(f"c-{name}" for name in PROVIDERS))
    land(
        path,
        cursor.build_provider(clock=lambda: NOW),
        cursor_app(CursorDesk(CURSOR_BOOKS)),
        lambda url: CursorCredentials(admin_key=CursorKeys().admin, base_url=url),
    )
    land(
        path,
        github_copilot.build_provider(clock=lambda: NOW),
        github_copilot_app(GitHubDesk(GitHubBooks((*GITHUB_BOOKS.lines, ODD_CREDIT)))),
        lambda url: GitHubCredentials(account="acme", token=GitHubKeys().billing, base_url=url),
    )
    odd = {"net_amount": "0.5", "unit_type": "moon-beams", "sku": "Unheard of", "gross_quantity": "3"}
    raw.pull(path, "c-github_copilot", "ai_credit_usage", ODD_DAY, [odd])
    old = {"net_amount": "0.98", "unit_type": "requests", "model": "GPT-5", "gross_quantity": "100"}
    raw.pull(path, "c-github_copilot", "premium_request_usage", OLD_DAY, [old])
    books = DatabricksBooks((*DATABRICKS_BOOKS.usage, UNPRICED), DATABRICKS_BOOKS.prices)
    desk = DatabricksDesk(books)
    land(
        path,
        databricks.build_provider(clock=lambda: NOW),
        databricks_app(desk),
        lambda url: DatabricksCredentials(
            host=url, warehouse_id=desk.warehouse_id, access_token=DatabricksKeys().access_token
        ),
    )
    odd = {"record_id": "odd", "usage_quantity": "2", "usage_unit": "DSU", "usage_type": "MOON_TIME"}
    raw.pull(
        path,
        "c-databricks",
        "usage",
        ODD_DAY,
        [odd | {"list_price": "0.10", "currency": "USD", "sku_name": "X"}],
    )
    land(
        path,
        snowflake.build_provider(clock=lambda: NOW),
        snowflake_app(SnowflakeDesk(SNOWFLAKE_BOOKS)),
        lambda url: SnowflakeCredentials(
            account="myorg-my_account",
            user="meterhouse",
            role="METERHOUSE",
            warehouse="WH",
            access_token=SnowflakeKeys().access_token,
            base_url=url,
        ),
    )
    metered = {"service_type": "CORTEX_X", "credits_billed": "0.503120001", "credit_price": "3.10"}
    raw.pull(path, "c-snowflake", "metering_daily", ODD_DAY, [metered])
    raw.pull(path, "c-snowflake", "usage_in_currency", ODD_DAY, [])
    older = {"model_name": "mistral-large2", "tokens": "500", "token_credits": "0.001"}
    for day in (ODD_DAY, DAY):
        for table, more in (("cortex_aisql", {"user_id": "17"}), ("cortex_functions", {})):
            raw.pull(path, "c-snowflake", table, day, [older | more])


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("platforms") / "warehouse.duckdb"
    write(path)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", *(f"+{model}" for model in MODELS), *STAGING) == []
    return path


def billed(warehouse, provider):
    found = raw.rows(
        warehouse,
        "select charge_date, sku, model, token_type, sum(billed_cost_usd) as usd from marts.fct_charges"
        f" where provider = '{provider}' group by all",
    )
    sums: dict[tuple, Decimal] = {}
    for row in found:
        key = (row["charge_date"], row["model"], row["token_type"])
        sums[key] = sums.get(key, Decimal(0)) + row["usd"]
    return sums


def test_every_identity_and_staging_test_holds(warehouse):
    assert (
        raw.dbt(warehouse, "test", "--select", *IDENTITIES, "staging.cursor", "fct_charges", "fct_usage")
        == []
    )


def test_cursor_bills_what_is_chargeable_and_keeps_the_nominal_as_list_cost(warehouse):
    assert billed(warehouse, "cursor") == CURSOR_TRUTH
    (listed,) = raw.rows(warehouse, "select sum(list_cost_usd) as usd from staging.stg_cursor__usage_events")
    everything = sum((event.charged_cents for event in CURSOR_BOOKS.events), Decimal(0)).scaleb(-2)
    assert listed["usd"] == everything > sum(CURSOR_TRUTH.values())


def test_tokens_of_cursor_are_disjoint_and_told_by_member(warehouse):
    found = raw.rows(
        warehouse,
        "select provider_user, sum(quantity) as quantity from marts.fct_usage"
        " where provider = 'cursor' and token_type <> 'requests' group by 1",
    )
    expected: dict[str, int] = {}
    for event in CURSOR_BOOKS.events:
        if event.tokens:
            t = event.tokens
            expected[event.email] = (
                expected.get(event.email, 0) + t.input + t.output + t.cache_write + t.cache_read
            )
    assert {row["provider_user"]: int(row["quantity"]) for row in found} == expected
    (uses,) = raw.rows(
        warehouse,
        "select sum(quantity) as uses from marts.fct_usage where provider = 'cursor' and token_type = 'requests'",
    )
    assert uses["uses"] == len(CURSOR_BOOKS.events)


def test_github_bills_the_net_amounts_and_seats_and_no_line_twice(warehouse):
    named = {
        (day, model and model.lower().replace(" ", "-"), kind): usd
        for (day, model, kind), usd in GITHUB_TRUTH.items()
    }
    named[DAY, None, "ai_credits"] = Decimal("0.07")
    named[ODD_DAY, None, "unmapped"] = Decimal("0.5")
    named[OLD_DAY, "gpt-5", "requests"] = Decimal("0.98")
    assert billed(warehouse, "github_copilot") == named
    seats = raw.rows(
        warehouse,
        "select distinct charge_category, quantity_unit from marts.fct_charges where token_type = 'seats'",
    )
    assert seats == [{"charge_category": "purchase", "quantity_unit": "seats"}]


def test_github_tells_credits_used_and_what_they_would_cost_without_the_plan(warehouse):
    credited = [line for line in GITHUB_BOOKS.lines if line.unit_type == "ai-credits"]
    (used,) = raw.rows(
        warehouse,
        "select sum(quantity) as units from marts.fct_usage"
        " where provider = 'github_copilot' and token_type = 'ai_credits'",
    )
    assert used["units"] == sum(line.gross for line in credited) + ODD_CREDIT.gross
    (listed,) = raw.rows(
        warehouse,
        "select sum(list_cost_usd) as usd from staging.stg_github_copilot__ai_credit_usage where unit = 'aicredits'",
    )
    assert listed["usd"] == sum(line.gross * line.price for line in (*credited, ODD_CREDIT))


def test_databricks_sums_corrections_at_the_list_price_of_the_time(warehouse):
    named = dict(DATABRICKS_TRUTH)
    named[ODD_DAY, None, "unmapped"] = Decimal("0.2")
    assert billed(warehouse, "databricks") == named
    services = raw.rows(
        warehouse, "select distinct service_name from marts.fct_charges where provider = 'databricks'"
    )
    assert services == [{"service_name": "Databricks (list price)"}]


def test_what_databricks_lists_no_price_for_is_usage_of_unknown_cost(warehouse):
    (staged,) = raw.rows(
        warehouse,
        "select amount_usd, quantity from staging.stg_databricks__usage where record_id = 'unpriced'",
    )
    assert (staged["amount_usd"], staged["quantity"]) == (None, Decimal("0.25"))
    (used,) = raw.rows(
        warehouse,
        "select sum(quantity) as units from marts.fct_usage where provider = 'databricks' and token_type = 'dbu'",
    )
    ours = (record for record in (*DATABRICKS_BOOKS.usage, UNPRICED) if record.product != "JOBS")
    assert abs(used["units"] - sum(record.quantity for record in ours)) < Decimal("0.0001")


def test_snowflake_bills_the_contract_and_credits_only_where_they_have_a_price(warehouse):
    named = dict(SNOWFLAKE_TRUTH)
    named[ODD_DAY, None, "unmapped"] = Decimal("0.503120001") * Decimal("3.10")
    assert billed(warehouse, "snowflake") == named
    adjusted = raw.rows(
        warehouse,
        "select count(*) as lines, sum(billed_cost_usd) as usd from marts.fct_charges"
        " where charge_category = 'adjustment'",
    )
    assert adjusted == [{"lines": 3, "usd": Decimal("-1.5")}]


def test_a_use_that_snowflake_tells_in_several_views_counts_once(warehouse):
    found = raw.rows(
        warehouse,
        "select usage_date, token_type, sum(quantity) as quantity from marts.fct_usage"
        " where provider = 'snowflake' group by all",
    )
    sums = {(row["usage_date"], row["token_type"]): row["quantity"] for row in found}
    assert (sums[ODD_DAY, "tokens"], (DAY, "tokens") in sums) == (500, False)
    for day in DAYS.days:
        uses = [use for use in SNOWFLAKE_BOOKS.uses if use.hour.date() == day]
        assert sums[day, "input"] == sum(use.input_tokens for use in uses)
        assert sums[day, "output"] == sum(use.output_tokens for use in uses)
