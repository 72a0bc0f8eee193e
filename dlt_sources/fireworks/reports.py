"""How Fireworks' tables are fetched: rated costs by day and model, and each day's summary and quantities.

What belongs here: Fireworks' parameters, and the guards around fields the contract page does not confirm.
What does not: its tables and fields (`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field, StringConstraints

from dlt_sources.buckets import Clock, begun_days, day_of, midnight, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.cursors import NextCursorPaginator, read_pages
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.fireworks.tables import (
    BILLING_SUMMARY,
    BILLING_USAGE,
    USAGE_COSTS,
    USAGE_KINDS,
    nanos_of,
)
from dlt_sources.http import Patience, keyed_client
from dlt_sources.rows import RowShape, require_currency

_ADMIN_STEP = (
    "On app.fireworks.ai let an account administrator create an API key and enter it here with the account id, which "
    "stands behind app.fireworks.ai/accounts/; the costs of the whole account are told to administrators only."
)
API = Api(
    title="Fireworks",
    credentials_step=_ADMIN_STEP,
    permission_step=_ADMIN_STEP,
    hides_as_404=True,
)


class FireworksCredentials(Credentials):
    """Credential form of a Fireworks account."""

    api_key: ApiKey = Field(
        title="API key", description="Of an account administrator; from Settings → API keys."
    )
    account_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(
        title="Account id", description="As in app.fireworks.ai/accounts/<id>, small letters and hyphens."
    )
    base_url: BaseUrl = Field(
        default="https://api.fireworks.ai",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class FireworksReader:
    """Reads Fireworks' tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: FireworksCredentials) -> RESTClient:
        """Client signed with the key."""
        return keyed_client(API, credentials.base_url, credentials.api_key, self.patience)

    def usage_costs(self, credentials: FireworksCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window by model, each asked for alone, so that its subtotal is its own.

        What the subtotal holds beyond the rows, as usage that Fireworks cannot attribute, is a row of its own.

        Raises:
            ProviderError: an answer is not of the expected shape.
        """
        client, path = self.client(credentials), f"{_account(credentials)}/usageCosts:query"
        for day in begun_days(window, self.clock()):
            yield from whole_days([day], _costs(client, path, day), USAGE_COSTS.table)

    def billing_summary(self, credentials: FireworksCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window by billing category, each asked for alone."""
        path = f"{_account(credentials)}/billing/summary"
        for day, body in self._each_day(credentials, window, path, {}):
            items = _optional_list(body, "lineItems", path, ("usageBuckets",))
            yield Day(day, [_summary_row(item) for item in items])

    def billing_usage(self, credentials: FireworksCredentials, window: Window) -> Iterator[Day]:
        """Metered quantities of every begun day of the window by model, each asked for alone."""
        path = f"{_account(credentials)}/billingUsage"
        for day, body in self._each_day(credentials, window, path, {"groupBy": "model_name"}):
            rows = []
            for kind in USAGE_KINDS:
                for item in _optional_list(body, kind, path, USAGE_KINDS):
                    if not isinstance(item, dict):
                        raise broken_contract(f"A row of `{BILLING_USAGE.table}` is not an object.")
                    rows.append(BILLING_USAGE.row(item | {"kind": kind}))
            yield Day(day, rows)

    def _each_day(
        self, credentials: FireworksCredentials, window: Window, path: str, query: dict[str, Any]
    ) -> Iterator[tuple[date, dict[str, Any]]]:
        client = self.client(credentials)
        for day in begun_days(window, self.clock()):
            yield day, client.get(path, params=query | _range(day)).json()


def _account(credentials: FireworksCredentials) -> str:
    return f"/v1/accounts/{credentials.account_id}"


def _range(day: date) -> dict[str, str]:
    return {
        "startTime": f"{midnight(day):%Y-%m-%dT%H:%M:%SZ}",
        "endTime": f"{midnight(day + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}",
    }


def _costs(client: RESTClient, path: str, day: date) -> Iterator[tuple[date, list[Row]]]:
    question = {**_range(day), "scope": "ACCOUNT", "groupBy": ["DAY", "MODEL"], "pageSize": 1000}
    paginator = NextCursorPaginator("nextPageToken", cursor_body_path="pageToken")
    totals, subtotal = Counter[str](), None
    for body in read_pages(client, path, paginator, json=question):
        for item in _optional_list(body, "rows", path, ("unattributedDimensions",)):
            row = _row(USAGE_COSTS, item, "subtotal")
            totals[item["subtotal"]["currencyCode"]] += nanos_of(item["subtotal"], USAGE_COSTS.table)
            yield day_of(row["dimensions_start_time"], USAGE_COSTS.table), [row]
        subtotal = body.get("subtotal", subtotal)
    if subtotal is not None:
        rest = nanos_of(subtotal, USAGE_COSTS.table) - totals[subtotal.get("currencyCode")]
        if rest:
            yield day, [_remainder(subtotal, rest)]


def _remainder(subtotal: dict[str, Any], nanos: int) -> Row:
    sign = -1 if nanos < 0 else 1
    units, billionths = divmod(abs(nanos), 1_000_000_000)
    amount = {**subtotal, "units": str(sign * units), "nanos": sign * billionths}
    return _row(USAGE_COSTS, {"isRemainder": True, "subtotal": amount}, "subtotal")


def _optional_list(body: dict[str, Any], name: str, path: str, known: tuple[str, ...]) -> list[Any]:
    """The list of that name; proto JSON leaves out an empty one, so that its absence beside no unknown list is that.

    Raises:
        ProviderError: it is no list, or absent while the answer holds a list of an unknown name.
    """
    items = body.get(name)
    if isinstance(items, list):
        return items
    unknown = [key for key, value in body.items() if isinstance(value, list) and key not in known]
    if items is None and not unknown:
        return []
    raise broken_contract(
        f"The answer of {path} lacks its list `{name}`: Fireworks answers in another shape."
    )


def _summary_row(item: Any) -> Row:
    """A line of the summary; what Fireworks has not rated has no amount."""
    is_rated = isinstance(item, dict) and item.get("totalCost") is not None
    return _row(BILLING_SUMMARY, item, "totalCost") if is_rated else BILLING_SUMMARY.row(item)


def _row(shape: RowShape, item: Any, amount: str) -> Row:
    """A row with an amount of money under that name; what it leaves out of it is zero."""
    row = shape.row(item)
    nanos_of(item.get(amount), shape.table)
    units, nanos, currency = shape.columns_of(f"{amount}.units", f"{amount}.nanos", f"{amount}.currencyCode")
    row[units], row[nanos] = row[units] or "0", row[nanos] or 0
    return require_currency(row, units, currency, shape.table)
