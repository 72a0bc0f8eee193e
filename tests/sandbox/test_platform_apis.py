"""Cursor, GitHub, Databricks and Snowflake on loopback: answers have the recorded names, SQL is really run."""

from datetime import date

import httpx
import pytest

from sandbox.cursor.api import CursorKeys, cursor_app
from sandbox.cursor.books import CursorDesk
from sandbox.cursor.books import small_account as cursor_account
from sandbox.databricks.api import DatabricksKeys, databricks_app
from sandbox.databricks.books import DatabricksDesk
from sandbox.databricks.books import small_account as databricks_account
from sandbox.github_copilot.api import GitHubKeys, github_copilot_app
from sandbox.github_copilot.books import GitHubDesk
from sandbox.github_copilot.books import small_account as github_account
from sandbox.snowflake.api import SnowflakeKeys, snowflake_app
from sandbox.snowflake.books import SnowflakeDesk
from sandbox.snowflake.books import small_account as snowflake_account
from tests.dlt_sources.served import Served
from tests.sandbox.conftest import exact, payload

DAY = date(2026, 10, 1)


def test_events_of_cursor_have_the_recorded_names():
    books, _ = cursor_account(DAY, 1, seed=3)
    question = {"startDate": 1790812800000, "endDate": 1790899200000, "page": 1, "pageSize": 100}
    with Served(cursor_app(CursorDesk(books))) as served:
        answer = exact(
            httpx.post(
                f"{served.url}/teams/filtered-usage-events", json=question, auth=(CursorKeys().admin, "")
            )
        )
    recorded = payload("cursor_usage_events_page1")
    assert answer.keys() == recorded.keys()
    assert answer["pagination"].keys() == recorded["pagination"].keys()
    whole = next(event for event in answer["usageEvents"] if "cursorTokenFee" in event)
    assert whole.keys() == recorded["usageEvents"][0].keys()
    assert whole["tokenUsage"].keys() == recorded["usageEvents"][0]["tokenUsage"].keys()
    assert len(answer["usageEvents"]) == len(books.events)


@pytest.mark.parametrize(("path", "name"), [("ai_credit/usage", "ai_credit_usage"), ("usage", "usage")])
def test_bills_of_github_have_the_recorded_names(path, name):
    books, _ = github_account(DAY, 2, seed=3)
    headers = {"Authorization": f"Bearer {GitHubKeys().billing}"}
    query = {"year": 2026, "month": 10, "day": 1}
    with Served(github_copilot_app(GitHubDesk(books))) as served:
        url = f"{served.url}/organizations/acme/settings/billing/{path}"
        answer = exact(httpx.get(url, params=query, headers=headers))
    recorded = payload(f"github_copilot_{name}")
    assert answer.keys() == recorded.keys()
    assert answer["usageItems"][0].keys() == recorded["usageItems"][0].keys()


def test_a_statement_of_databricks_is_run_with_its_parameters():
    books, _ = databricks_account(DAY, 3, seed=3)
    desk = DatabricksDesk(books)
    question = {
        "warehouse_id": desk.warehouse_id,
        "statement": "select usage_date, count(*) as n from system.billing.usage"
        " where usage_date >= :first and usage_date < :end group by usage_date",
        "parameters": [
            {"name": "first", "value": "2026-10-02", "type": "DATE"},
            {"name": "end", "value": "2026-10-03", "type": "DATE"},
        ],
    }
    with Served(databricks_app(desk)) as served:
        headers = {"Authorization": f"Bearer {DatabricksKeys().access_token}"}
        answer = exact(httpx.post(f"{served.url}/api/2.0/sql/statements", json=question, headers=headers))
    recorded = payload("databricks_statement")
    assert answer.keys() == recorded.keys()
    for part in ("manifest", "result"):
        assert answer[part].keys() == recorded[part].keys()
    count = sum(record.start.date() == date(2026, 10, 2) for record in books.usage)
    assert answer["result"]["data_array"] == [["2026-10-02", str(count)]]


def test_a_statement_of_snowflake_is_run_with_its_bindings():
    books, _ = snowflake_account(DAY, 3, seed=3)
    question = {
        "statement": "select v.USAGE_DATE, v.CREDITS_BILLED from SNOWFLAKE.ACCOUNT_USAGE.METERING_DAILY_HISTORY as v"
        " where v.USAGE_DATE = cast(? as date) and v.SERVICE_TYPE = ?",
        "bindings": {
            "1": {"type": "TEXT", "value": "2026-10-02"},
            "2": {"type": "TEXT", "value": "AI_SERVICES"},
        },
        "parameters": {"TIMEZONE": "UTC"},
    }
    headers = {
        "Authorization": f"Bearer {SnowflakeKeys().access_token}",
        "X-Snowflake-Authorization-Token-Type": "PROGRAMMATIC_ACCESS_TOKEN",
    }
    with Served(snowflake_app(SnowflakeDesk(books))) as served:
        answer = exact(httpx.post(f"{served.url}/api/v2/statements", json=question, headers=headers))
    recorded = payload("snowflake_metering_daily")
    assert answer.keys() <= recorded.keys()
    assert answer["resultSetMetaData"].keys() == recorded["resultSetMetaData"].keys()
    (line,) = (m for m in books.metered if (m.day, m.service_type) == (date(2026, 10, 2), "AI_SERVICES"))
    assert answer["data"] == [["20728", format(line.credits, "f")]]
