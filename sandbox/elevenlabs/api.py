"""ElevenLabs on loopback: the two analytics APIs and the subscription (contract ElevenLabs §5.7).

What belongs here: paths, questions, tabular answers, refusals. What does not: which lines there are
(`LineBooks`, given).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.lines import BookLine, LineBooks, LineDesk, grouped, guarded, small_account
from sandbox.responses import ExactJSONResponse

DAY_SECONDS = 86_400
Columns = list[tuple[str, str]]


@dataclass
class ElevenLabsDesk(LineDesk):
    """A desk that knows until when the workspace was billed by credits."""

    cost_billed_from: date = date.min


def elevenlabs_app(desk: ElevenLabsDesk) -> ASGIApp:
    """Build the server."""

    async def usage(request: Request) -> Response:
        columns: Columns = [
            *((name, "String") for name in ("model", "product_type", "fiat_charge_type", "fiat_currency")),
            ("total_cost", "Float"),
            ("total_charge_count", "Float"),
        ]

        def values(model: str, product: str, lines: Sequence[BookLine]) -> list[Any]:
            cost = sum((line.amount for line in lines), Decimal(0))
            return [
                model,
                product,
                "usage",
                desk.books.currency.lower(),
                cost,
                sum(line.quantity for line in lines),
            ]

        return await _table(request, columns, values, is_cost=True)

    async def credit_usage(request: Request) -> Response:
        columns: Columns = [("model", "String"), ("product_type", "String"), ("credits_used", "Float")]

        def values(model: str, product: str, lines: Sequence[BookLine]) -> list[Any]:
            return [model, product, sum(line.quantity for line in lines)]

        return await _table(request, columns, values, is_cost=False)

    async def _table(
        request: Request, columns: Columns, values: Callable[..., list[Any]], *, is_cost: bool
    ) -> Response:
        question = await request.json()
        if question.get("interval_seconds") != DAY_SECONDS or "model" not in question.get("group_by", []):
            return _error(422, "invalid_request", "The sandbox groups days by model and product_type only")
        first, last = _day(question["start_time"]), _day(question["end_time"]) - timedelta(days=1)
        is_all = first >= desk.cost_billed_from if is_cost else last < desk.cost_billed_from
        if not is_all:
            return _error(400, "unsupported_billing", "This period of the workspace is not billed like this")
        extra = desk.faults.extra_fields
        columns = [("interval_start", "DateTime"), *columns, *((name, "String") for name in extra)]
        groups = grouped(desk.books.between(first, last), "date", "model", "token_type")
        rows = [
            [f"{day}T00:00:00Z", *values(model, product, lines), *extra.values()]
            for (day, model, product), lines in groups.items()
        ]
        names, kinds = zip(*columns, strict=True)
        units = [None] * len(columns)
        return ExactJSONResponse(
            {"columns": names, "column_types": kinds, "column_units": units, "rows": rows}
        )

    async def subscription(_: Request) -> Response:
        return ExactJSONResponse(
            {
                "tier": "scale",
                "status": "active",
                "character_count": sum(line.quantity for line in desk.books.lines),
                "character_limit": 2_000_000,
                "currency": desk.books.currency.lower(),
                "current_overage": {"amount": "0", "currency": desk.books.currency.lower()},
                "next_invoice": {"amount_due_cents": 0},
            }
        )

    endpoints = {
        "POST /v1/workspace/analytics/usage": usage,
        "POST /v1/workspace/analytics/query/usage-by-product-over-time": credit_usage,
        "GET /v1/user/subscription": subscription,
    }
    return FaultyServer(Starlette(routes=guarded(endpoints, desk, refuse, "xi-api-key", "")), desk, refuse)


def elevenlabs_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small workspace with two speech models."""
    return small_account(first_day, days, seed, ("eleven_v3", "scribe_v2"), ("tts",))


def refuse(status: int) -> Response:
    """Refuse with ElevenLabs' error body."""
    said = {
        401: ("invalid_api_key", "Invalid API key"),
        403: ("missing_permissions", "The API key is missing the permission workspace_analytics_read"),
        429: ("too_many_requests", "Too many requests"),
    }
    return _error(status, *said.get(status, ("server_error", "Internal server error")))


def _error(status: int, code: str, message: str) -> Response:
    return ExactJSONResponse({"detail": {"status": code, "message": message}}, status)


def _day(milliseconds: int) -> date:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).date()
