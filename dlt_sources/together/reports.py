"""How Together's table is fetched: a month at a time, page by page, finished days only.

What belongs here: Together's parameters and which days it can tell about. What does not: its table and fields
(`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, day_of, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.cursors import NextCursorPaginator, listed, read_pages
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client
from dlt_sources.rows import require_currency
from dlt_sources.together.tables import USAGE

PATH = "/v1/billing/usage"
PAGE_SIZE = 1_000
_KEY_STEP = (
    "On api.together.ai open Settings → API keys of the organization, create a key of an owner or admin and enter it "
    "here. The billing API is a beta: until Together's support has enabled it for the organization, it answers as if "
    "it were not there (HTTP 404)."
)
API = Api(title="Together", credentials_step=_KEY_STEP, permission_step=_KEY_STEP, hides_as_404=True)


class TogetherCredentials(Credentials):
    """Credential form of a Together organization."""

    api_key: ApiKey = Field(
        title="API key", description="Of an owner or admin; Together has enabled the billing API beta."
    )
    organization_id: str | None = Field(
        default=None,
        title="Organization id",
        description="Only needed where the key belongs to several organizations.",
    )
    base_url: BaseUrl = Field(
        default="https://api.together.ai",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class TogetherReader:
    """Reads Together's table with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: TogetherCredentials) -> RESTClient:
        """Client signed with the key."""
        return keyed_client(API, credentials.base_url, credentials.api_key, self.patience)

    def usage(self, credentials: TogetherCredentials, window: Window) -> Iterator[Day]:
        """Every finished day of the window, line by line; today is not told.

        Raises:
            ProviderError: the billing API is not enabled for the organization, or its pages do not end.
        """
        client = self.client(credentials)
        today = self.clock().date()
        finished = [day for day in window.days if day < today]
        for _, month in groupby(finished, key=lambda day: (day.year, day.month)):
            days = list(month)
            lines = _lines(client, credentials.organization_id, days[0])
            in_month = (days[0].year, days[0].month)
            asked = ((d, rows) for d, rows in lines if d in days or (d.year, d.month) != in_month)
            yield from whole_days(days, asked, USAGE.table)


def _lines(client: RESTClient, organization_id: str | None, day: date) -> Iterator[tuple[date, list[Row]]]:
    """The lines of the month of a day; a day may be split over pages, and a line may come twice and is two."""
    query: dict[str, Any] = {"month": f"{day:%Y-%m}", "granularity": "day", "limit": PAGE_SIZE}
    if organization_id:
        query["organization_id"] = organization_id
    paginator = NextCursorPaginator("next_cursor", cursor_param="after")
    for body in read_pages(client, PATH, paginator, params=query):
        currency = body.get("currency")
        for part in listed(body, "data", PATH):
            if not isinstance(part, dict):
                raise broken_contract(f"An element of `data` at {PATH} is not an object.")
            items = listed(part, "line_items", PATH)
            yield (
                day_of(part.get("date"), USAGE.table),
                [_row(item, part.get("date"), currency) for item in items],
            )


def _row(item: Any, said_date: Any, currency: Any) -> Row:
    if not isinstance(item, dict):
        raise broken_contract(f"A row of `{USAGE.table}` is not an object.")
    row = USAGE.row(item | {"date": said_date, "currency": currency})
    if row["cost"] is None:
        raise broken_contract(f"A row of `{USAGE.table}` lacks its `cost`.")
    return require_currency(row, "cost", "currency", USAGE.table)
