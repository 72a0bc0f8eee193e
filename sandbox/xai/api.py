"""xAI's management API on loopback: key validation, usage as time series, prepaid balance (contract xAI §5.8).

What belongs here: paths, questions, series, refusals. What does not: which lines there are (`LineBooks`, given).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.lines import Item, LineBooks, LineDesk, guarded, small_account
from sandbox.responses import ExactJSONResponse

TEAM = "team-0000"


@dataclass
class XaiDesk(LineDesk):
    """A desk that knows how many points an answer may hold, and how times are to be written."""

    point_limit: int = 10_000
    time_format: str | None = None
    """The only format of times that is accepted; None accepts every one."""


def xai_app(desk: XaiDesk) -> ASGIApp:
    """Build the server of one team."""

    async def validation(_: Request) -> Response:
        return ExactJSONResponse({"teamId": TEAM, "scope": "SCOPE_TEAM", "scopeId": TEAM})

    async def usage(request: Request) -> Response:
        question = (await request.json())["analyticsRequest"]
        span = question["timeRange"]
        try:
            first, end = (_day(span[name], desk.time_format) for name in ("startTime", "endTime"))
        except ValueError:
            return _error(400, 3, "invalid time")
        if question["groupBy"] != ["description"] or question["timeUnit"] != "TIME_UNIT_DAY":
            return _error(400, 3, "The sandbox groups days by description only")
        series: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for line in desk.books.between(first, end - timedelta(days=1)):
            series[line.model][line.date] += line.amount
        points = [(model, day, usd) for model, days in series.items() for day, usd in days.items()]
        told: dict[str, list[Item]] = defaultdict(list)
        for model, day, usd in points[: desk.point_limit]:
            told[model].append({"timestamp": f"{day}T00:00:00Z", "values": [usd]})
        body = [
            {"group": [model], "groupLabels": [model], "dataPoints": items} | desk.faults.extra_fields
            for model, items in told.items()
        ]
        return ExactJSONResponse({"timeSeries": body, "limitReached": len(points) > desk.point_limit})

    async def balance(_: Request) -> Response:
        return ExactJSONResponse({"total": {"val": str(int(-desk.books.balance * 100))}})

    endpoints = {
        "GET /auth/management-keys/validation": validation,
        f"POST /v1/billing/teams/{TEAM}/usage": usage,
        f"GET /v1/billing/teams/{TEAM}/prepaid/balance": balance,
    }
    return FaultyServer(
        Starlette(routes=guarded(endpoints, desk, refuse, "authorization", "Bearer ")), desk, refuse
    )


def xai_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small team with two models; the bill tells no token types."""
    return small_account(first_day, days, seed, ("grok-4.6", "grok-4.6-fast"), ("tokens",))


def refuse(status: int) -> Response:
    """Refuse with xAI's error body."""
    said = {
        401: (16, "Invalid bearer token"),
        403: (7, "Team billing:read required"),
        429: (8, "Too many requests"),
    }
    return _error(status, *said.get(status, (13, "Internal error")))


def _error(status: int, code: int, message: str) -> Response:
    return ExactJSONResponse({"code": code, "message": message, "details": []}, status)


def _day(text: str, form: str | None) -> date:
    return (datetime.strptime(text, form) if form else datetime.fromisoformat(text)).date()  # noqa: DTZ007
