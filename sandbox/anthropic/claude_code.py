"""Anthropic's Claude Code report on loopback: one UTC day a question (contract anthropic §2.4).

What belongs here: its records and its pages. What does not: rights (`errors`), the reports in buckets (`reports`).
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.anthropic.directory import ORGANIZATION
from sandbox.anthropic.parameters import page_limit, rows_page
from sandbox.anthropic.reports import units
from sandbox.books import Charge
from sandbox.buckets import BadRequestError, grouped
from sandbox.faults import Desk
from sandbox.services import DEFAULT, SEARCH

Record = dict[str, Any]
RECORDS = (20, 1000)
"""Records per page: default and most."""
LAG = timedelta(hours=1)
"""Only older data is given."""
USERS = {
    DEFAULT.key: {"type": "user_actor", "email_address": "ada@example.com"},
    SEARCH.key: {"type": "api_actor", "api_key_name": SEARCH.key_name},
}
"""Who calls with these keys through Claude Code."""
_ACTIONS = ("edit_tool", "multi_edit_tool", "write_tool", "notebook_edit_tool")


def claude_code_body(desk: Desk, query: QueryParams) -> Record:
    """One page of the records of a day; the cost of a record is what it is billed, in cents as a number.

    Raises:
        BadRequestError: If a parameter is missing or wrong.
    """
    try:
        day = date.fromisoformat(query["starting_at"])
    except (KeyError, ValueError) as error:
        raise BadRequestError("starting_at", "starting_at: Input should be a date, YYYY-MM-DD") from error
    start = datetime.combine(day, time(), UTC)
    until = min(start + timedelta(days=1), desk.world.now - LAG)
    charges = [
        charge
        for charge in desk.world.charges
        if charge.account == desk.account
        and charge.key in USERS
        and charge.model
        and start <= charge.booked_at < until
    ]
    records = [
        _record(start, USERS[key], part) | desk.faults.extra_fields
        for (key,), part in grouped(charges, lambda charge: (charge.key,))
    ]
    return rows_page(query, desk, records, page_limit(query, *RECORDS))


def _record(start: datetime, actor: Record, charges: list[Charge]) -> Record:
    def models(charge: Charge) -> tuple[str | None]:
        return (charge.model.served if charge.model else None,)

    return {
        "date": start.isoformat().replace("+00:00", "Z"),
        "actor": actor,
        "organization_id": ORGANIZATION["id"],
        "customer_type": "api",
        "subscription_type": None,
        "terminal_type": "vscode",
        "core_metrics": {
            "num_sessions": 1,
            "lines_of_code": {"added": 120, "removed": 45},
            "commits_by_claude_code": 1,
            "pull_requests_by_claude_code": 0,
        },
        "tool_actions": {name: {"accepted": 3, "rejected": 1} for name in _ACTIONS},
        "model_breakdown": [
            {
                "model": model,
                "tokens": {
                    "input": units(part, "input"),
                    "output": units(part, "output"),
                    "cache_read": units(part, "cache_read"),
                    "cache_creation": units(part, "cache_write_5m", "cache_write_1h"),
                },
                "estimated_cost": {
                    "currency": "USD",
                    "amount": sum((charge.amount_usd for charge in part), Decimal(0)).scaleb(2),
                },
            }
            for (model,), part in grouped(charges, models)
        ],
    }
