"""Mistral's Admin API on loopback: what the month stands at (contract Mistral §5.9).

What belongs here: paths, parameters, shapes, refusals. What does not: which lines there are (`LineBooks`, given);
their token type is the category.
"""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.lines import BookLine, Item, LineBooks, LineDesk, guarded, small_account
from sandbox.responses import ExactJSONResponse

CATEGORIES = (
    "chat",
    "completion",
    "ocr",
    "audio",
    "connectors",
    "libraries_api",
    "fine_tuning",
    "vibe_usage",
)


def mistral_app(desk: LineDesk) -> ASGIApp:
    """Build the server; its paths begin with `/api/admin`."""

    async def spend_limit(_: Request) -> Response:
        today = desk.books.now.date()
        spent: dict[str, Decimal] = defaultdict(Decimal, completion=Decimal(0))
        for line in _month(desk.books, today.year, today.month):
            spent[line.token_type] += line.amount
        limits: Item = {
            category: {
                "total_usage": usd,
                "usage_limit": 100,
                "monthly_limit_reached": False,
                "no_monthly_limit": False,
            }
            | desk.faults.extra_fields
            for category, usd in spent.items()
        }
        return ExactJSONResponse(
            {"limits": limits | {"currency": desk.books.currency, "last_payment_failure": False}}
        )

    async def usage(request: Request) -> Response:
        query, today = request.query_params, desk.books.now.date()
        year, month = int(query.get("year", today.year)), int(query.get("month", today.month))
        counts: dict[str, dict[str, int]] = {category: {} for category in CATEGORIES}
        for line in _month(desk.books, year, month):
            models = counts.setdefault(line.token_type, {})
            models[line.model] = models.get(line.model, 0) + line.quantity
        first = date(year, month, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        period = {"start_date": f"{first}T00:00:00Z", "end_date": f"{last}T23:59:59Z"}
        body = {category: {"models": models} for category, models in counts.items()}
        return ExactJSONResponse({**period, "currency": desk.books.currency, **body})

    endpoints = {"GET /api/admin/spend-limit": spend_limit, "GET /api/admin/usage": usage}
    return FaultyServer(Starlette(routes=guarded(endpoints, desk, refuse, "x-api-key", "")), desk, refuse)


def mistral_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small organization with two models of one category."""
    return small_account(
        first_day, days, seed, ("mistral-large-latest", "mistral-small-latest"), ("completion",)
    )


def refuse(status: int) -> Response:
    """Refuse with Mistral's error body."""
    messages = {401: "Unauthorized", 403: "Admin API is not enabled for this organization", 429: "Rate limit"}
    return ExactJSONResponse({"detail": messages.get(status, "Internal server error")}, status)


def _month(books: LineBooks, year: int, month: int) -> list[BookLine]:
    return [
        line
        for line in books.between(date.min, date.max)
        if (line.date.year, line.date.month) == (year, month)
    ]
