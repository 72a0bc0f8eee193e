"""How GitHub's bill is fetched: one question a day, for an answer is of one period only.

What belongs here: GitHub's parameters and which days it can tell about. What does not: its tables and fields
(`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.buckets import Clock, begun_days
from dlt_sources.contract import Day, Fault, ProviderError, Row, Window
from dlt_sources.errors import broken_contract
from dlt_sources.github_copilot.credentials import GitHubCredentials, billing_api
from dlt_sources.github_copilot.tables import BillTable
from dlt_sources.http import HeaderAuth, Patience, build_client

READABLE_DAYS = 730
"""24 months of history are told (§5.2)."""
PRODUCT = "copilot"


@dataclass(frozen=True)
class GitHubReader:
    """Reads GitHub's bill with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: GitHubCredentials) -> RESTClient:
        """Client signed with the token."""
        token = credentials.token.get_secret_value()
        auth = HeaderAuth("Authorization", f"Bearer {token}")
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": credentials.api_version}
        return build_client(
            billing_api(credentials), credentials.base_url, auth, token, self.patience, headers
        )

    def days(self, table: BillTable, credentials: GitHubCredentials, window: Window) -> Iterator[Day]:
        """The window's begun days that GitHub still tells and on which this table is the bill.

        Raises:
            ProviderError: the whole window is older than GitHub tells.
        """
        now = self.clock()
        oldest = now.date() - timedelta(days=READABLE_DAYS)
        if window.end <= oldest:
            raise ProviderError(
                Fault.CONTRACT,
                f"GitHub tells the last 24 months only, {oldest} being the first day of them now.",
                "Ask for later days; what was pulled before stays as it is.",
            )
        client = self.client(credentials)
        for day in begun_days(window, now):
            if day >= oldest and table.first_day <= day < table.end:
                yield Day(day, _rows(table, client, credentials, day))


def _rows(table: BillTable, client: RESTClient, credentials: GitHubCredentials, day: date) -> list[Row]:
    path = f"{credentials.billing_path}{table.path}"
    query = {"year": day.year, "month": day.month, "day": day.day}
    body = client.get(path, params=query).json()
    if table.is_of_one_period and body.get("timePeriod") != query:
        raise broken_contract(f"The answer of {path} for {day} is of the period {body.get('timePeriod')}.")
    items = body.get("usageItems")
    if not isinstance(items, list):
        raise broken_contract(f"The answer of {path} lacks its list `usageItems`.")
    return [row for item in items if (row := _row(table, item, day)) is not None]


def _row(table: BillTable, item: Any, day: date) -> Row | None:
    """One line; None where the whole bill tells of another product than Copilot.

    Raises:
        ProviderError: it is of another day, or has no amount.
    """
    row, name = table.shape.row(item), table.shape.table
    if not table.is_of_one_period:
        if str(row["date"])[:10] != day.isoformat():
            raise broken_contract(f"The answer for `{name}` of {day} holds a row of {row['date']}.")
        if (row["product"] or "").lower() != PRODUCT:
            return None
    if row["net_amount"] is None:
        raise broken_contract(f"A row of `{name}` lacks its `netAmount`.")
    return row
