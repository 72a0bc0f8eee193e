"""Anthropic's analytics cost API (beta): the bill per API key, with list prices, as rows of `cost_report`.

What belongs here: its question, its pages of rows, its watermark (contract Anthropic §2.5 to §2.8). What does not: the
older report (`reports.py`), columns (`tables.py`).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.anthropic.tables import COST_REPORT
from dlt_sources.buckets import bucket_day, midnight, whole_days
from dlt_sources.contract import Day, Row
from dlt_sources.errors import broken_contract
from dlt_sources.http import StrictCursorPaginator

PATH = "/v1/organizations/analytics/cost"
BETA = "analytics-usage-cost-2026-08-24"
FIRST_DAY = date(2026, 1, 1)
"""Nothing before it is known (§2.5)."""
OPEN_FOR = timedelta(days=30)
"""How long after its end a day may still change."""
_DAYS_PER_QUESTION = 31
_GROUPING = (
    "model",
    "workspace_id",
    "api_key_id",
    "service_tier",
    "context_window",
    "cost_type",
    "token_type",
)
_COST = ("amount", "list_amount", "currency", "requests")


def open_days(asked: list[date], today: date) -> list[date]:
    """The asked days and all since the first that may still have changed."""
    first = min(asked[0], today - OPEN_FOR)
    return [
        max(first, FIRST_DAY) + timedelta(days=n) for n in range((asked[-1] - max(first, FIRST_DAY)).days + 1)
    ]


def analytics_days(
    client: RESTClient, days: list[date], named_workspaces: frozenset[str], now: datetime
) -> Iterator[Day]:
    """Every one of the days but those that ended and are not complete yet, by Anthropic's own watermark.

    Args:
        client: signed, with the beta's header.
        days: in order.
        named_workspaces: ids of the workspaces that have a name; any other is the default one, NULL as elsewhere.
        now: the present time.
    """
    for at in range(0, len(days), _DAYS_PER_QUESTION):
        asked = days[at : at + _DAYS_PER_QUESTION]
        watermark: list[datetime] = []
        buckets = _buckets(client, asked, named_workspaces, watermark)
        for day in whole_days(asked, buckets, COST_REPORT.shape.table):
            end = midnight(day.day) + timedelta(days=1)
            if end > now or end <= min(watermark):
                yield day


def _buckets(
    client: RESTClient, asked: list[date], named_workspaces: frozenset[str], watermark: list[datetime]
) -> Iterator[tuple[date, list[Row]]]:
    query = {
        "starting_at": f"{midnight(asked[0]):%Y-%m-%dT%H:%M:%SZ}",
        "ending_at": f"{midnight(asked[-1]) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "time_bucket_width": "1d",
        "order_by": "time",
        "order": "asc",
        "limit": 1000,
        "group_by[]": list(_GROUPING),
    }
    paginator = StrictCursorPaginator(cursor_path="next_page", cursor_param="page")
    for (page,) in client.paginate(
        PATH, params=query, paginator=paginator, data_selector="$", hooks={"response": []}
    ):
        watermark.append(_moment(page, "data_refreshed_at"))
        for item in page["data"]:
            day = bucket_day(_moment(item, "starting_at"), COST_REPORT.shape.table)
            yield day, [_row(item, named_workspaces)]


def _row(item: dict[str, Any], named_workspaces: frozenset[str]) -> Row:
    group, cost = item.get("group"), item.get("cost")
    if not isinstance(group, dict) or not isinstance(cost, dict):
        raise broken_contract(f"A row of {PATH} lacks its object `group` or `cost`.")
    grouped = {name: group.get(name) for name in _GROUPING}
    workspace = grouped["workspace_id"]
    return COST_REPORT.shape.row(
        grouped
        | {name: cost.get(name) for name in _COST}
        | {
            "workspace_id": workspace if workspace in named_workspaces else None,
            "sent_workspace_id": workspace,
            "grouped_by": ",".join(_GROUPING),
        }
    )


def _moment(item: Any, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(item[name])
    except (KeyError, TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise broken_contract(f"An answer of {PATH} lacks the time `{name}`.")
    return moment
