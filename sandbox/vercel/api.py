"""Vercel AI Gateway on loopback: the cost report and credits (contract Vercel §5.5).

What belongs here: paths, parameters, shapes, refusals. What does not: which lines there are (`LineBooks`, given).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.lines import BookLine, Item, LineBooks, LineDesk, grouped, guarded, small_account
from sandbox.responses import ExactJSONResponse

TOKEN_COLUMNS = {
    "input": ("input_tokens",),
    "cache_read": ("input_tokens", "cached_input_tokens"),
    "cache_write_5m": ("input_tokens", "cache_creation_input_tokens"),
    "output": ("output_tokens",),
}
"""Input tokens hold the cached and cache-written ones."""


def vercel_app(desk: LineDesk) -> ASGIApp:
    """Build the server."""

    async def report(request: Request) -> Response:
        query = request.query_params
        try:
            first, last = (date.fromisoformat(query[name]) for name in ("start_date", "end_date"))
        except (KeyError, ValueError):
            return _error(400, "start_date and end_date must be YYYY-MM-DD")
        if query.get("group_by") != "model" or query.get("date_part") != "day":
            return _error(400, "The sandbox reports by day and model only")
        groups = grouped(desk.books.between(first, last), "date", "model")
        results = [
            _item(day, model, lines) | desk.faults.extra_fields for (day, model), lines in groups.items()
        ]
        return ExactJSONResponse({"results": results})

    async def balance(_: Request) -> Response:
        used = sum((line.amount for line in desk.books.lines), Decimal(0))
        return ExactJSONResponse({"balance": str(desk.books.balance), "total_used": str(used)})

    endpoints = {"GET /v1/report": report, "GET /v1/credits": balance}
    return FaultyServer(
        Starlette(routes=guarded(endpoints, desk, refuse, "authorization", "Bearer ")), desk, refuse
    )


def vercel_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small account that calls two models through the gateway."""
    models = ("anthropic/claude-sonnet-5", "openai/gpt-5-mini")
    return small_account(first_day, days, seed, models, tuple(TOKEN_COLUMNS))


def refuse(status: int) -> Response:
    """Refuse with Vercel's error body."""
    messages = {401: "Authentication failed", 402: "Budget exceeded", 403: "Forbidden", 429: "Rate limited"}
    return _error(status, messages.get(status, "Internal server error"))


def _error(status: int, message: str) -> Response:
    return ExactJSONResponse({"error": {"message": message, "type": "gateway_error"}}, status)


def _item(day: date, model: str, lines: Sequence[BookLine]) -> Item:
    counts = dict.fromkeys(
        ("input_tokens", "cached_input_tokens", "cache_creation_input_tokens", "output_tokens"), 0
    )
    for line in lines:
        for column in TOKEN_COLUMNS[line.token_type]:
            counts[column] += line.quantity
    return {
        "day": day.isoformat(),
        "model": model,
        "total_cost": sum((line.amount for line in lines), Decimal(0)),
        "market_cost": sum(
            (line.amount if line.market is None else line.market for line in lines), Decimal(0)
        ),
        **counts,
        "reasoning_tokens": 0,
        "request_count": len(lines),
    }
