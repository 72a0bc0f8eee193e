"""How Mistral's tables are fetched: what the month stands at now, kept under the day it was seen on.

Mistral tells months, not days. A day here is a snapshot, the last of that day; what a day cost is the difference
of two snapshots of one month and is taken in dbt. What belongs here: Mistral's paths and credentials. What does
not: its tables and fields (`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, seen_today
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client
from dlt_sources.mistral.tables import SPEND, USAGE, USAGE_CATEGORIES
from dlt_sources.rows import require_currency

SETTLING_DAYS = 5
"""So long into a month the one before it is read again (§5.9)."""
_KEY_STEP = (
    "Ask Mistral for the Admin API (Enterprise plans), create an Admin API key in the Admin panel and enter it "
    "here; an ordinary API key does not work."
)
API = Api(title="Mistral", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class MistralCredentials(Credentials):
    """Credential form of a Mistral organization."""

    admin_key: ApiKey = Field(
        title="Admin API key", description="From the Admin panel; an ordinary API key does not work."
    )
    base_url: BaseUrl = Field(
        default="https://console.mistral.ai/api/admin",
        validate_default=True,
        title="Base URL",
        description="Where the Admin API answers; some organizations have https://api.mistral.ai/v1/admin.",
    )


@dataclass(frozen=True)
class MistralReader:
    """Reads Mistral's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: MistralCredentials) -> RESTClient:
        """Client signed with the Admin API key."""
        return keyed_client(API, credentials.base_url, credentials.admin_key, self.patience, "x-api-key", "")

    def spend(self, credentials: MistralCredentials, window: Window) -> Iterator[Day]:
        """The present month's money so far by category, under today's day if the window holds it.

        Raises:
            ProviderError: no category has money, or the currency is not told.
        """
        now = self.clock()
        body = self.client(credentials).get("/spend-limit").json()
        limits = body.get("limits")
        if not isinstance(limits, dict):
            raise broken_contract("The answer of /spend-limit lacks its object `limits`.")
        currency = limits.get("currency", body.get("currency"))
        rows = [
            _spend_row({**limit, "category": category, "currency": currency, "month": f"{now:%Y-%m}"})
            for category, limit in limits.items()
            if isinstance(limit, dict)
        ]
        if not rows:
            raise broken_contract("The answer of /spend-limit names no category under `limits`.")
        yield from seen_today(window, now, rows)

    def usage(self, credentials: MistralCredentials, window: Window) -> Iterator[Day]:
        """Counts and prices of the present month so far by category, and in its first days of the one before."""
        now = self.clock()
        client = self.client(credentials)
        months = [now.date()]
        if now.day <= SETTLING_DAYS:
            months.insert(0, now.date().replace(day=1) - timedelta(days=1))
        rows = [row for month in months for row in _usage_rows(client, month)]
        yield from seen_today(window, now, rows)


def _spend_row(item: dict[str, Any]) -> Row:
    row = SPEND.row(item)
    if row["total_usage"] is None:
        raise broken_contract(f"A category of `{SPEND.table}` lacks its `total_usage`.")
    return require_currency(row, "total_usage", "currency", SPEND.table)


def _usage_rows(client: RESTClient, month: date) -> Iterator[Row]:
    body = client.get("/usage", params={"month": month.month, "year": month.year}).json()
    period = {name: body.get(name) for name in ("start_date", "end_date", "currency")}
    if not isinstance(period["start_date"], str) or period["start_date"][:7] != f"{month:%Y-%m}":
        raise broken_contract(f"The answer of /usage is not about {month:%Y-%m}, which was asked for.")
    for category in USAGE_CATEGORIES:
        if body.get(category) is not None:
            yield USAGE.row(
                {**period, "month": f"{month:%Y-%m}", "category": category, "content": body[category]}
            )
