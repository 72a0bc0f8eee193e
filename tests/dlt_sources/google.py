"""The sandbox's Google on loopback, as the tests of the provider and of its failures ask it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import google
from dlt_sources.contract import ProviderError, Window
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.http import Patience
from sandbox.google.api import google_app
from sandbox.google.books import (
    DETAILED_EXPORT,
    ExportLine,
    GoogleBooks,
    GoogleDesk,
    ServiceAccount,
)
from tests.dlt_sources.served import Served

NOW = datetime(2026, 11, 24, 12, 30, 15, 250_000, tzinfo=UTC)
QUICK = Patience(tries=4, deadline=10.0, timeout=5.0, first_wait=0.01, longest_wait=0.02)
PROVIDER = google.build_provider(clock=lambda: NOW, patience=QUICK)
TOKEN = "ya29.PLANTED-google-token"
ACCOUNT = ServiceAccount(token=TOKEN)
DAY = date(2026, 11, 20)
INPUT = "Gemini 3 Flash Text Input - Predictions"
QUERIES = "/bigquery/v2/projects/tools-prod/queries"
TABLE = "/bigquery/v2/projects/billing-prod/datasets/billing/tables/" + DETAILED_EXPORT.split(".")[2]
SERIES = "/v3/projects/ml-prod/timeSeries"


def at(day=DAY, hour=1):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def line(cost, day=DAY, hour=1, sku=INPUT, **more):
    return ExportLine(at(day, hour), sku, Decimal(cost), **more)


class Google(Served):
    """The server for `with`; put lines into `desk.books`."""

    def __init__(self):
        self.desk = GoogleDesk(account=ACCOUNT)
        super().__init__(google_app(self.desk))

    def show(self, *lines, points=()):
        self.desk.books = GoogleBooks(lines, tuple(points))

    def credentials(self, **more):
        form = {"table": DETAILED_EXPORT, "bigquery_url": self.url, "monitoring_url": self.url}
        key = ACCOUNT.key_file(f"{self.url}/token")
        return GoogleCredentials(**{"service_account_json": key} | form | more)

    def fetch(self, report="costs", start=DAY, days=3, **more):
        """What a report yields, without a warehouse."""
        found = next(one for one in PROVIDER.reports if one.name == report)
        return list(found.fetch(self.credentials(**more), Window(start, start + timedelta(days=days))))

    def rows(self, *arguments, **more):
        return [row for day in self.fetch(*arguments, **more) for row in day.rows]

    def failure(self, report="costs", **more):
        """The error with which a report cannot be fetched."""
        with pytest.raises(ProviderError) as caught:
            self.fetch(report, **more)
        return caught.value
