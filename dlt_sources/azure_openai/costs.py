"""How the bill is fetched: Cost Management queries in windows of at most 31 days.

What belongs here: the question, and how its answer's columns become rows. What does not: tables and fields
(`tables.py`), signing in and paging (`management.py`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.azure_openai.management import cost_api, objects_in, read_pages, signed_in, snake_case
from dlt_sources.azure_openai.tables import CostTable
from dlt_sources.buckets import Clock, begun_days, midnight, whole_days
from dlt_sources.contract import Day, Fault, ProviderError, Row, Window
from dlt_sources.errors import broken_contract
from dlt_sources.http import Patience
from dlt_sources.rows import require_currency

API_VERSION = "2025-03-01"
DAYS_PER_QUESTION = 31
ROWS_PER_PAGE = 5_000
ACCOUNT_TYPE = "microsoft.cognitiveservices/accounts"
_OTHER_NAMES = {"pre_tax_cost": "cost"}
"""The cost is named by the column that was summed, in older versions `PreTaxCost` (§3.2)."""


@dataclass(frozen=True)
class CostReader:
    """Reads the bill with a given clock and patience."""

    clock: Clock
    patience: Patience

    def days(self, table: CostTable, credentials: AzureCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window; never asked beyond now, for Azure would shift the window (§3.2)."""
        now = self.clock()
        asked = begun_days(window, now)
        for at in range(0, len(asked), DAYS_PER_QUESTION):
            part = asked[at : at + DAYS_PER_QUESTION]
            yield from whole_days(part, self._rows(table, credentials, part, now), table.shape.table)

    def _rows(
        self, table: CostTable, credentials: AzureCredentials, days: list[date], now: datetime
    ) -> Iterator[tuple[date, list[Row]]]:
        client = signed_in(credentials, cost_api(credentials), self.patience)
        path = f"/{credentials.scope}/providers/Microsoft.CostManagement/query"
        params = {"api-version": API_VERSION, "$top": ROWS_PER_PAGE}
        question = _question(table, credentials, days, now)
        seen: set[int] = set()
        for body in read_pages(client, path, params, ("properties", "nextLink"), question):
            if not body:
                continue
            rows = list(_page_rows(table, credentials, body))
            content = hash(json.dumps(rows, default=str))
            if rows and content in seen:
                raise broken_contract(f"A page of `{table.shape.table}` came twice under different links.")
            seen.add(content)
            for day, row in rows:
                yield day, [row]


def _question(
    table: CostTable, credentials: AzureCredentials, days: list[date], now: datetime
) -> dict[str, Any]:
    """The query of one window (§3.2); aggregations carry the name of their column."""
    end = min(midnight(days[-1]) + timedelta(days=1, seconds=-1), now)
    return {
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": f"{days[0]}T00:00:00Z", "to": end.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {
                name: {"name": name, "function": "Sum"} for name in (credentials.cost_column, "UsageQuantity")
            },
            "grouping": [{"type": "Dimension", "name": name} for name in _grouping(table, credentials)],
            "filter": _filter(table, credentials),
        },
    }


def _grouping(table: CostTable, credentials: AzureCredentials) -> list[str]:
    """Resources can be told apart in a subscription or a part of one only (§3.2)."""
    is_narrow = credentials.is_within_subscription
    return ["SubscriptionId" if name == "ResourceId" and not is_narrow else name for name in table.grouping]


def _filter(table: CostTable, credentials: AzureCredentials) -> dict[str, Any]:
    """AI spend by resource type, whatever the service is called, and the Marketplace meters named in the form."""
    wanted = _one_of("ResourceType", [ACCOUNT_TYPE])
    meters = credentials.marketplace_meter_names
    if meters:
        bought = {"and": [_one_of("PublisherType", ["Marketplace"]), _one_of("Meter", meters)]}
        wanted = {"or": [wanted, bought]}
    return {"and": [wanted, _one_of("ChargeType", ["Usage"])]} if table.is_usage_only else wanted


def _one_of(name: str, values: list[str]) -> dict[str, Any]:
    return {"dimensions": {"name": name, "operator": "In", "values": values}}


def _page_rows(
    table: CostTable, credentials: AzureCredentials, body: dict[str, Any]
) -> Iterator[tuple[date, Row]]:
    """Rows of one page with their days, columns found by name: their order varies (§3.2)."""
    name, properties = table.shape.table, body.get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("rows"), list):
        raise broken_contract(f"A page of `{name}` lacks its `properties.rows`.")
    sent = [snake_case(str(column.get("name"))) for column in objects_in(properties, "columns", name)]
    columns = [_OTHER_NAMES.get(column, column) for column in sent]
    grouping = _grouping(table, credentials)
    amount = snake_case(credentials.cost_column)
    for needed in (amount, "usage_date", "currency", *map(snake_case, grouping)):
        if needed not in columns:
            raise broken_contract(f"A page of `{name}` lacks its column `{needed}`; it has {columns}.")
    for values in properties["rows"]:
        if not isinstance(values, list) or len(values) != len(columns):
            raise broken_contract(f"A row of `{name}` has not one value for each of its columns.")
        item = dict(zip(columns, values, strict=True))
        day = _usage_day(item.pop("usage_date"), name)
        row = table.shape.row(item) | {"grouped_by": ",".join(grouping)}
        yield day, _in_dollars(row, amount, credentials, name)


def _usage_day(value: Any, table: str) -> date:
    """The day of `UsageDate`, a number like 20261119 (§3.2)."""
    digits = re.fullmatch(r"(\d{8})(\.0*)?", str(value))
    try:
        return date.fromisoformat(digits[1] if digits else "")
    except ValueError:
        raise broken_contract(f"`UsageDate` of a row of `{table}` is not a day like 20261119.") from None


def _in_dollars(row: Row, amount: str, credentials: AzureCredentials, table: str) -> Row:
    """The row, if its amount is in dollars: only these are understood further on."""
    if row[amount] is None:
        raise broken_contract(f"A row of `{table}` has no amount.")
    currency = require_currency(row, amount, "currency", table)["currency"]
    if amount == "cost" and currency.upper() != "USD":
        raise ProviderError(
            Fault.CREDENTIALS,
            f"The bill of {credentials.scope} is in {currency}, not in dollars.",
            "Set the connection's field `cost_column` to CostUSD, Azure's own conversion to dollars.",
        )
    return row
