"""Together's billing beta on loopback (contract Together §5.11).

What belongs here: path, parameters, pages of lines, refusals. What does not: which lines there are (`LineBooks`,
given); their token type is the name of the product.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, FaultyServer
from sandbox.lines import BookLine, Item, LineBooks, LineDesk, guarded, small_account
from sandbox.responses import ExactJSONResponse

PRODUCTS = ("Serverless Inference - Input Tokens", "Serverless Inference - Output Tokens")


@dataclass
class TogetherDesk(LineDesk):
    """A desk that knows whether the beta is enabled, and how many lines a page holds."""

    is_enabled: bool = True
    lines_per_page: int = 1_000


def together_app(desk: TogetherDesk) -> ASGIApp:
    """Build the server."""

    async def usage(request: Request) -> Response:
        query, today = request.query_params, desk.books.now.date()
        if not desk.is_enabled:
            return _error(404, "Not found")
        if query.get("granularity") != "day":
            return _error(400, "granularity must be day")
        lines = sorted(
            (
                line
                for line in desk.books.between(date.min, today - timedelta(days=1))
                if f"{line.date:%Y-%m}" == query.get("month")
            ),
            key=attrgetter("date"),
        )
        start = int(query.get("after", 0))
        end = start + min(int(query.get("limit", 100)), desk.lines_per_page)
        cursor = str(end) if end < len(lines) else None
        if desk.faults.endless_paging:
            cursor = "0" if desk.faults.endless_paging is EndlessPaging.SAME_CURSOR else str(start - 1)
        data = [
            _day(day, list(of_day), desk.faults.extra_fields)
            for day, of_day in groupby(lines[max(start, 0) : max(end, 0)], key=attrgetter("date"))
        ]
        return ExactJSONResponse(
            {"object": "list", "currency": desk.books.currency, "data": data, "next_cursor": cursor}
        )

    endpoints = {"GET /v1/billing/usage": usage}
    return FaultyServer(
        Starlette(routes=guarded(endpoints, desk, refuse, "authorization", "Bearer ")), desk, refuse
    )


def together_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small organization with one serverless model."""
    return small_account(first_day, days, seed, ("meta/llama",), PRODUCTS)


def refuse(status: int) -> Response:
    """Refuse with Together's error body."""
    messages = {
        401: "Invalid API key provided",
        403: "Only owners and admins may read billing",
        429: "Rate limit",
    }
    return _error(status, messages.get(status, "Internal server error"))


def _error(status: int, message: str) -> Response:
    return ExactJSONResponse({"error": {"message": message, "type": "error", "code": None}}, status)


def _day(day: date, lines: list[BookLine], extra: Item) -> Item:
    return {
        "date": day.isoformat(),
        "start_time": f"{day}T00:00:00Z",
        "end_time": f"{day + timedelta(days=1)}T00:00:00Z",
        "line_items": [
            {
                "product_name": line.token_type,
                "quantity": str(line.quantity),
                "unit_price": f"{line.amount / line.quantity:f}" if line.quantity else "0",
                "cost": f"{line.amount:f}",
                "pricing_dimensions": {"model": line.model},
                "attributes": {"api_key_id": line.key},
            }
            | extra
            for line in lines
        ],
    }
