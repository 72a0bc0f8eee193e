"""Cursor's Admin API on loopback: usage events and spend of a team, for its admin key (contract page B §5.1).

What belongs here: paths, pages and refusals. What does not: which events there are (`books`, given).
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.cursor.books import CursorDesk, Member, UsageEvent
from sandbox.faults import EndlessPaging, FaultyServer
from sandbox.responses import ExactJSONResponse

LONGEST_WINDOW = timedelta(days=30)
Endpoint = Callable[[dict[str, Any]], Awaitable[Response]]
Item = dict[str, Any]


@dataclass(frozen=True)
class CursorKeys:
    """Keys the server knows: the team's admin key, and a member's own, which may not read the team."""

    admin: str = "key_sandbox_admin_0000"
    user: str = "key_sandbox_user_0000"


def cursor_app(desk: CursorDesk, keys: CursorKeys | None = None) -> ASGIApp:
    """Build the server."""
    known = keys or CursorKeys()

    async def usage_events(question: dict[str, Any]) -> Response:
        start, end = question.get("startDate"), question.get("endDate")
        if not isinstance(start, int) or not isinstance(end, int) or start > end:
            return _error(400, "Bad Request", "startDate and endDate are epoch milliseconds, in this order")
        if end - start > LONGEST_WINDOW / timedelta(milliseconds=1):
            return _error(400, "Bad Request", "Date range cannot exceed 30 days")
        wanted = [e for e in desk.books.events if start <= _milliseconds(e.at) <= end]
        items = [_event(e) | desk.faults.extra_fields for e in sorted(wanted, key=_newest_first)]
        page, number, size, count = _page(desk, items, question)
        has_more = desk.faults.endless_paging is not None or number < count
        return ExactJSONResponse(
            {
                "totalUsageEventsCount": len(items),
                "pagination": {
                    "numPages": count,
                    "currentPage": number,
                    "pageSize": size,
                    "hasNextPage": has_more,
                    "hasPreviousPage": number > 1,
                },
                "usageEvents": page,
                "period": {"startDate": start, "endDate": end},
            }
        )

    async def spend(question: dict[str, Any]) -> Response:
        items = [_member(member) | desk.faults.extra_fields for member in desk.books.members]
        page, number, _, count = _page(desk, items, question)
        return ExactJSONResponse(
            {
                "teamMemberSpend": page,
                "subscriptionCycleStart": _milliseconds(desk.books.cycle_start),
                "totalMembers": len(items),
                "totalPages": number + 1 if desk.faults.endless_paging else count,
            }
        )

    def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            sent = request.headers.get("authorization")
            if sent == _basic(known.user):
                return _error(403, "Forbidden", "This key does not have access to the team's Admin API")
            if sent != _basic(known.admin):
                return refuse(401)
            return await endpoint(await request.json())

        return answer

    app = Starlette(
        routes=[
            Route("/teams/filtered-usage-events", guarded(usage_events), methods=["POST"]),
            Route("/teams/spend", guarded(spend), methods=["POST"]),
        ]
    )
    return FaultyServer(app, desk, refuse)


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    words = {401: ("Unauthorized", "Invalid API key"), 429: ("Too Many Requests", "Rate limit exceeded")}
    return _error(status, *words.get(status, ("Internal Server Error", "Something went wrong")))


def _error(status: int, error: str, message: str) -> Response:
    return ExactJSONResponse({"error": error, "message": message}, status)


def _basic(key: str) -> str:
    return "Basic " + b64encode(f"{key}:".encode()).decode()


def _page(desk: CursorDesk, items: list[Item], question: dict[str, Any]) -> tuple[list[Item], int, int, int]:
    """The items of the page asked for, its number and size, and how many pages there are."""
    size = min(int(question.get("pageSize", 10)), desk.page_limit)
    number = int(question.get("page", 1))
    at = 0 if desk.faults.endless_paging is EndlessPaging.SAME_CURSOR else (number - 1) * size
    return items[at : at + size], number, size, ceil(len(items) / size)


def _event(event: UsageEvent) -> Item:
    tokens = event.tokens
    item: Item = {
        "timestamp": str(_milliseconds(event.at)),
        "userEmail": event.email,
        "model": event.model,
        "kind": event.kind,
        "maxMode": False,
        "requestsCosts": event.requests_costs,
        "isTokenBasedCall": tokens is not None,
        "isChargeable": event.is_chargeable,
        "isHeadless": False,
    }
    if tokens:
        item["tokenUsage"] = {
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "cacheWriteTokens": tokens.cache_write,
            "cacheReadTokens": tokens.cache_read,
            "totalCents": tokens.total_cents,
        }
    item["chargedCents"] = event.charged_cents
    return item | ({"cursorTokenFee": event.fee_cents} if event.fee_cents else {})


def _member(member: Member) -> Item:
    return {
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "spendCents": member.spend_cents,
        "overallSpendCents": member.spend_cents + member.included_spend_cents,
        "includedSpendCents": member.included_spend_cents,
        "fastPremiumRequests": 0,
        "hardLimitOverrideDollars": 0,
        "monthlyLimitDollars": None,
    }


def _newest_first(event: UsageEvent) -> int:
    return -_milliseconds(event.at)


def _milliseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
