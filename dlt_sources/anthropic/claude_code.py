"""Anthropic's Claude Code report: who used which model through Claude Code, and an estimate of what it cost.

What belongs here: its days, its pages, what is left out of it (contract Anthropic §2.4). What does not: columns
(`tables.py`). The estimate is on the bill already or notional, so it is never added to a bill.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.anthropic.tables import CLAUDE_CODE
from dlt_sources.buckets import day_of, whole_days
from dlt_sources.contract import Day, Row
from dlt_sources.errors import broken_contract
from dlt_sources.http import StrictCursorPaginator, read_items
from dlt_sources.rows import require_currency

PATH = "/v1/organizations/usage_report/claude_code"
RECORDS_PER_PAGE = 1000
_TABLE = CLAUDE_CODE.table
_LEFT_OUT = frozenset({"actor", "core_metrics", "tool_actions", "model_breakdown"})
_NAMES_OF_ACTORS = ("type", "api_key_name")
"""Whatever else an actor says is about a person."""


def claude_code_days(client: RESTClient, days: list[date], keeps_emails: bool) -> Iterator[Day]:
    """Every one of the days, asked for alone: a row per record and model, without what people did beside it."""
    for day in days:
        query = {"starting_at": day.isoformat(), "limit": RECORDS_PER_PAGE}
        paginator = StrictCursorPaginator(cursor_path="next_page", cursor_param="page")
        records = read_items(client, PATH, query, paginator)
        found = ((_day(record), list(_rows(record, keeps_emails))) for record in records)
        yield from whole_days([day], found, _TABLE)


def _day(record: dict[str, Any]) -> date:
    """Written as a date or as a time at midnight (§2.4)."""
    return day_of(record.get("date"), _TABLE)


def _rows(record: dict[str, Any], keeps_emails: bool) -> Iterator[Row]:
    actor, models = record.get("actor"), record.get("model_breakdown")
    if not isinstance(actor, dict) or not isinstance(models, list):
        raise broken_contract(f"A row of `{_TABLE}` lacks its object `actor` or its list `model_breakdown`.")
    known = {name: value for name, value in record.items() if name not in _LEFT_OUT}
    names = _NAMES_OF_ACTORS + (("email_address",) if keeps_emails else ())
    known["actor"] = {name: actor.get(name) for name in names}
    for used in models:
        if not isinstance(used, dict):
            raise broken_contract(f"A model of a row of `{_TABLE}` is not an object.")
        row = CLAUDE_CODE.row(known | used)
        yield require_currency(row, "estimated_cost_amount", "estimated_cost_currency", _TABLE)
