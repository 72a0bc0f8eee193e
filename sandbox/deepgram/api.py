"""Deepgram on loopback: projects, billing and usage breakdowns, balances (contract Deepgram §5.10).

What belongs here: paths, parameters, shapes, refusals. What does not: which lines there are (`LineBooks`, given);
their token type is the product of a line item.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.lines import BookLine, Item, LineBooks, LineDesk, grouped, guarded, small_account
from sandbox.responses import ExactJSONResponse

SECONDS_PER_HOUR = 3600


def deepgram_app(desk: LineDesk) -> ASGIApp:
    """Build the server; its projects are those of the books, or one that never was used."""

    def project_ids() -> list[str]:
        return list(dict.fromkeys(line.project for line in desk.books.lines)) or ["proj-1"]

    async def projects(_: Request) -> Response:
        items = [{"project_id": project, "name": f"Project {project}"} for project in project_ids()]
        return ExactJSONResponse({"projects": items})

    async def billing(request: Request) -> Response:
        wanted = request.query_params.getlist("grouping")
        results = []
        for (model, product, key), lines in _groups(desk.books, request, "model", "token_type", "key"):
            said = {"line_item": f"{product}::{model}", "accessor": key}
            grouping = dict.fromkeys(("accessor", "deployment", "line_item", "tags")) | {
                name: said[name] for name in wanted if name in said
            }
            dollars = sum((line.amount for line in lines), Decimal(0))
            results.append(
                {"dollars": dollars, "grouping": _bounds(request.query_params) | grouping}
                | desk.faults.extra_fields
            )
        return ExactJSONResponse(_breakdown(request.query_params, results))

    async def usage(request: Request) -> Response:
        results = []
        for (model,), lines in _groups(desk.books, request, "model"):
            hours = Decimal(sum(line.quantity for line in lines)) / SECONDS_PER_HOUR
            results.append(
                {
                    "hours": round(hours, 6),
                    "total_hours": round(hours, 6),
                    "agent_hours": 0,
                    "tokens_in": 0,
                    "tokens_out": 0,
                    "tts_characters": 0,
                    "requests": len(lines),
                    "grouping": _bounds(request.query_params) | {"models": model},
                }
            )
        return ExactJSONResponse(_breakdown(request.query_params, results))

    async def balances(request: Request) -> Response:
        project = request.path_params["project"]
        item = {"balance_id": f"bal-{project}", "amount": desk.books.balance, "units": "usd"}
        return ExactJSONResponse({"balances": [item | {"purchase_order_id": None}]})

    project = "/v1/projects/{project}"
    endpoints = {
        "GET /v1/projects": projects,
        f"GET {project}/billing/breakdown": billing,
        f"GET {project}/usage/breakdown": usage,
        f"GET {project}/balances": balances,
    }
    return FaultyServer(
        Starlette(routes=guarded(endpoints, desk, refuse, "authorization", "Token ")), desk, refuse
    )


def deepgram_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small project with one streaming model; quantities are seconds."""
    return small_account(first_day, days, seed, ("nova-3",), ("streaming",))


def refuse(status: int) -> Response:
    """Refuse with Deepgram's error body."""
    said = {
        401: ("INVALID_AUTH", "Invalid credentials."),
        403: ("FORBIDDEN", "Insufficient permissions: billing:read is needed."),
        429: ("TOO_MANY_REQUESTS", "Too many requests."),
    }
    code, message = said.get(status, ("INTERNAL_SERVER_ERROR", "Internal server error."))
    return ExactJSONResponse({"err_code": code, "err_msg": message, "request_id": "req-1"}, status)


def _groups(
    books: LineBooks, request: Request, *names: str
) -> Iterable[tuple[tuple[str, ...], list[BookLine]]]:
    first, last = (date.fromisoformat(request.query_params[name]) for name in ("start", "end"))
    project = request.path_params["project"]
    lines = (line for line in books.between(first, last) if line.project == project)
    return grouped(lines, *names).items()


def _bounds(query: QueryParams) -> Item:
    return {"start": query["start"], "end": query["end"]}


def _breakdown(query: QueryParams, results: list[Item]) -> Item:
    return {**_bounds(query), "resolution": {"units": "day", "amount": 1}, "results": results}
