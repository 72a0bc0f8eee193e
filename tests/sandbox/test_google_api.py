"""The sandbox's Google keeps its books: a small account pulled whole is its truth, and SQL is really run."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import requests

from dlt_sources import google
from dlt_sources.contract import Window
from sandbox.google.api import google_app
from sandbox.google.books import STANDARD_EXPORT, GoogleDesk, small_account
from tests.dlt_sources.google import QUICK, Google
from tests.dlt_sources.served import Served

FIRST = date(2026, 11, 1)


@pytest.fixture(scope="module")
def served():
    with Google() as server:
        yield server


def ask(served, sql, **body):
    token = {"Authorization": f"Bearer {served.desk.account.token}"}
    url = f"{served.url}/bigquery/v2/projects/tools-prod/queries"
    return requests.post(
        url, json={"query": sql, "queryParameters": [], "location": "US"} | body, headers=token
    )


def test_a_small_account_pulled_whole_is_its_truth(served):
    books, truth = small_account(FIRST, 6, 7)
    assert small_account(FIRST, 6, 7)[0] == books
    assert small_account(FIRST, 6, 8)[0] != books
    served.desk.books = books
    provider = google.build_provider(lambda: datetime(2026, 11, 20, tzinfo=UTC), QUICK)
    form = served.credentials(table=STANDARD_EXPORT)
    days = list(provider.reports[0].fetch(form, Window(FIRST, FIRST + timedelta(days=6))))
    found = {day.day: sum(Decimal(row["amount"]) for row in day.rows) for day in days}
    assert found == truth.net_usd
    before_credits = sum(Decimal(r["amount"]) for day in days for r in day.rows if not r["is_credit"])
    assert before_credits == sum(truth.usage_usd.values())


def test_a_query_is_run_on_the_lines_that_its_partitions_hold(served):
    served.desk.books, _ = small_account(FIRST, 3, 7)
    count = f"SELECT CAST(COUNT(*) AS STRING) AS n FROM `{STANDARD_EXPORT}` WHERE _PARTITIONTIME >= @since"
    for since, least, most in (("2026-11-01", 15, 15), ("2026-11-05", 0, 14), ("2026-12-01", 0, 0)):
        parameter = {
            "name": "since",
            "parameterType": {"type": "TIMESTAMP"},
            "parameterValue": {"value": f"{since} 00:00:00+00:00"},
        }
        answer = ask(served, count, queryParameters=[parameter]).json()
        assert least <= int(answer["rows"][0]["f"][0]["v"]) <= most


@pytest.mark.parametrize(
    ("sql", "status", "reason"),
    [
        ("SELECT nothing FROM", 400, "invalidQuery"),
        (f"SELECT no_such_column FROM `{STANDARD_EXPORT}`", 400, "invalidQuery"),
        ("SELECT 1 FROM `a-project.b.c`", 404, "notFound"),
    ],
)
def test_a_wrong_query_is_refused_as_bigquery_refuses_it(served, sql, status, reason):
    answer = ask(served, sql)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (status, reason)


def test_a_token_is_given_for_a_signed_assertion_alone():
    with Served(google_app(GoogleDesk())) as served:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}
        answer = requests.post(f"{served.url}/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert requests.get(f"{served.url}/bigquery/v2/projects/p/queries/j").status_code == 401
