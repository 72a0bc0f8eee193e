"""Anthropic's analytics API (beta): the bill per API key, with list prices, and usage per hour.

What belongs here: its questions, its pages of rows, its watermark (contract Anthropic §2.5 to §2.8). What does not: the
older reports (`reports.py`), into whose tables its rows go too; columns (`tables.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.anthropic.tables import COST_REPORT, USAGE_REPORT_MESSAGES, billed
from dlt_sources.buckets import bucket_day, midnight, whole_days
from dlt_sources.contract import Day, Fault, ProviderError, Row
from dlt_sources.errors import broken_contract
from dlt_sources.http import StrictCursorPaginator
from dlt_sources.rows import RowShape

BETA = "analytics-usage-cost-2026-08-24"
FIRST_DAY = date(2026, 1, 1)
"""Nothing before it is known (§2.5)."""
OPEN_FOR = timedelta(days=30)
"""How long after its end a day may still change."""
_DAYS_PER_QUESTION = 31
_WIDTHS = {"1d": timedelta(days=1), "1h": timedelta(hours=1)}
_DIMENSIONS = ("model", "workspace_id", "api_key_id", "service_tier", "context_window")
"""All that may be grouped by at once."""


@dataclass(frozen=True)
class AnalyticsTable:
    """One of its reports; `measures` names the object of a row that holds what was measured."""

    path: str
    measures: str
    width: str
    grouping: tuple[str, ...]
    shape: RowShape


COST = AnalyticsTable(
    path="/v1/organizations/analytics/cost",
    measures="cost",
    width="1d",
    grouping=(*_DIMENSIONS, "cost_type", "token_type"),
    shape=COST_REPORT.shape,
)
USAGE = AnalyticsTable(
    path="/v1/organizations/analytics/usage",
    measures="usage",
    width="1h",
    grouping=_DIMENSIONS,
    shape=USAGE_REPORT_MESSAGES.shape,
)


def open_days(asked: list[date], today: date) -> list[date]:
    """The asked days and all since the first that may still have changed."""
    first = min(asked[0], today - OPEN_FOR)
    return [
        max(first, FIRST_DAY) + timedelta(days=n) for n in range((asked[-1] - max(first, FIRST_DAY)).days + 1)
    ]


def analytics_days(
    client: RESTClient,
    table: AnalyticsTable,
    days: list[date],
    named_workspaces: frozenset[str],
    now: datetime,
) -> Iterator[Day]:
    """Every one of the days but those that ended and are not complete yet, by Anthropic's own watermark.

    Args:
        client: signed, with the beta's header.
        table: what to ask for.
        days: in order.
        named_workspaces: ids of the workspaces that have a name; any other is the default one, NULL as elsewhere.
        now: the present time.

    Raises:
        ProviderError: a page could not be read, or the pages gave a row twice.
    """
    for at in range(0, len(days), _DAYS_PER_QUESTION):
        asked = days[at : at + _DAYS_PER_QUESTION]
        watermark: list[datetime] = []
        buckets = _buckets(client, table, asked, named_workspaces, watermark)
        for day in whole_days(asked, buckets, table.shape.table):
            end = midnight(day.day) + timedelta(days=1)
            if end > now or end <= min(watermark):
                yield day


def _buckets(
    client: RESTClient,
    table: AnalyticsTable,
    asked: list[date],
    named_workspaces: frozenset[str],
    watermark: list[datetime],
) -> Iterator[tuple[date, list[Row]]]:
    query = {
        "starting_at": f"{midnight(asked[0]):%Y-%m-%dT%H:%M:%SZ}",
        "ending_at": f"{midnight(asked[-1]) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "time_bucket_width": table.width,
        "order_by": "time",
        "order": "asc",
        "limit": 1000,
        "group_by[]": list(table.grouping),
    }
    paginator = StrictCursorPaginator(cursor_path="next_page", cursor_param="page")
    seen: set[int] = set()
    for (page,) in client.paginate(
        table.path, params=query, paginator=paginator, data_selector="$", hooks={"response": []}
    ):
        watermark.append(_moment(page, "data_refreshed_at", table.path))
        for item in page["data"]:
            start, row = _start(item, table), _row(item, table, named_workspaces)
            key = hash((start, row["sent_workspace_id"], *(row[name] for name in table.grouping)))
            if key in seen:
                raise _came_twice(table)
            seen.add(key)
            day = start.replace(hour=0) if table.width == "1h" else start
            yield bucket_day(day, table.shape.table), [row]


def _start(item: dict[str, Any], table: AnalyticsTable) -> datetime:
    """Start of a row's bucket, in UTC; a bucket wider than asked for would put days together."""
    start, end = (_moment(item, name, table.path).astimezone(UTC) for name in ("starting_at", "ending_at"))
    if not start < end <= start + _WIDTHS[table.width]:
        raise broken_contract(f"A row of {table.path} is not of the asked width {table.width}.")
    return start


def _row(item: dict[str, Any], table: AnalyticsTable, named_workspaces: frozenset[str]) -> Row:
    group, measures = item.get("group"), item.get(table.measures)
    if not isinstance(group, dict) or not isinstance(measures, dict):
        raise broken_contract(f"A row of {table.path} lacks its object `group` or `{table.measures}`.")
    workspace = group.get("workspace_id")
    row = table.shape.row(
        measures
        | {name: group.get(name) for name in table.grouping}
        | {
            "workspace_id": workspace if workspace in named_workspaces else None,
            "sent_workspace_id": workspace,
            "grouped_by": ",".join(table.grouping),
        }
        | ({"starting_at": item["starting_at"]} if table is USAGE else {})
    )
    return billed(row) if table is COST else row


def _came_twice(table: AnalyticsTable) -> ProviderError:
    """Rows are pages' units, so a refresh between two pages may move one from the first to the second."""
    return ProviderError(
        Fault.UNAVAILABLE,
        f"Anthropic gave a row of `{table.shape.table}` twice while its pages were read.",
        "Its data may have been refreshed meanwhile; nothing was recorded, and the next sync tries again.",
    )


def _moment(item: dict[str, Any], name: str, path: str) -> datetime:
    try:
        moment = datetime.fromisoformat(item[name])
    except (KeyError, TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise broken_contract(f"An answer of {path} lacks the time `{name}`.")
    return moment
