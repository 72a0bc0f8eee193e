"""OpenRouter on loopback: activity, credits, keys and workspaces, for management keys (contract openrouter §4).

What belongs here: paths, days that may be asked for, lists by offset, refusals. What does not: which rows
there are (`OpenRouterBooks`, given).
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, Faults, FaultyServer
from sandbox.responses import ExactJSONResponse

READABLE_DAYS = 30
LIST_LIMIT = 100
Endpoint = Callable[[Request], Awaitable[Response]]
Item = dict[str, Any]


@dataclass(frozen=True)
class ActivityRow:
    """What one endpoint of one model served in one workspace on one day; money in USD."""

    date: date
    model: str
    model_permaslug: str
    endpoint_id: str
    provider_name: str
    usage: Decimal
    """Credits drawn: the bill."""
    byok_usage_inference: Decimal
    """Billed by the upstream provider on the account's own key there."""
    requests: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    workspace_id: str


@dataclass(frozen=True)
class OpenRouterBooks:
    """Everything the account knows at a moment; keys and workspaces as they are listed, the default first."""

    now: datetime
    activity: list[ActivityRow]
    keys: list[Item]
    workspaces: list[Item]
    total_credits: Decimal
    total_usage: Decimal


@dataclass
class OpenRouterDesk:
    """What the server works from; put other books in to restate."""

    books: OpenRouterBooks
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


@dataclass(frozen=True)
class OpenRouterKeys:
    """Keys the server knows: a management key, and one for inference, which may not read activity."""

    management: str = "sk-or-v1-management-0000"
    inference: str = "sk-or-v1-inference-0000"


def openrouter_app(desk: OpenRouterDesk, keys: OpenRouterKeys) -> ASGIApp:
    """Build the server; its paths begin with `/api/v1`."""

    async def activity(request: Request) -> Response:
        query, book = request.query_params, desk.books
        days = _asked_days(book.now.date(), query.get("date"))
        if not days:
            return _error(400, "Date must be within the last 30 (completed) UTC days")
        rows = [row for row in book.activity if row.date in days and _is_wanted(row, query)]
        by_workspace = query.get("group_by") == "workspace"
        return ExactJSONResponse({"data": _activity(rows, by_workspace, desk.faults.extra_fields)})

    async def balance(_: Request) -> Response:
        book = desk.books
        return ExactJSONResponse(
            {"data": {"total_credits": book.total_credits, "total_usage": book.total_usage}}
        )

    async def list_keys(request: Request) -> Response:
        query, book = request.query_params, desk.books
        workspace = query.get("workspace_id") or (book.workspaces[0]["id"] if book.workspaces else None)
        with_disabled = query.get("include_disabled") == "true"
        items = [
            key
            for key in book.keys
            if key["workspace_id"] == workspace and (with_disabled or not key["disabled"])
        ]
        return ExactJSONResponse({"data": _part(items, query, desk)})

    async def list_workspaces(request: Request) -> Response:
        items = desk.books.workspaces
        return ExactJSONResponse(
            {"data": _part(items, request.query_params, desk), "total_count": len(items)}
        )

    def managed(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            if key == keys.management:
                return await endpoint(request)
            if key == keys.inference:
                return _error(403, "Only management keys can perform this operation")
            return refuse(401)

        return guarded

    app = Starlette(
        routes=[
            Route("/api/v1/activity", managed(activity)),
            Route("/api/v1/credits", managed(balance)),
            Route("/api/v1/keys", managed(list_keys)),
            Route("/api/v1/workspaces", managed(list_workspaces)),
        ]
    )
    return FaultyServer(app, desk, refuse)


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    messages = {401: "Missing Authentication header", 429: "Rate limit exceeded"}
    return _error(status, messages.get(status, "Internal Server Error"))


def _error(status: int, message: str) -> Response:
    return ExactJSONResponse({"error": {"message": message, "code": status}}, status)


def _asked_days(today: date, asked: str | None) -> list[date]:
    """The completed days that can be read, or the one of them that is asked for."""
    days = [today - timedelta(days=ago) for ago in range(1, READABLE_DAYS + 1)]
    return [day for day in days if asked in (None, day.isoformat())]


def _is_wanted(row: ActivityRow, query: QueryParams) -> bool:
    return query.get("workspace_id") in (None, row.workspace_id)


def _activity(rows: list[ActivityRow], by_workspace: bool, extra: Item) -> list[Item]:
    """One item per day, model and endpoint; per workspace too when grouped by it."""
    items: dict[tuple[Any, ...], Item] = {}
    for row in rows:
        item = asdict(row) | {"date": row.date.isoformat()} | extra
        if not by_workspace:
            del item["workspace_id"]
        key = (row.date, row.model_permaslug, row.endpoint_id, item.get("workspace_id"))
        before = items.get(key)
        items[key] = item if before is None else _together(before, item)
    return list(items.values())


def _together(one: Item, other: Item) -> Item:
    summed = (name for name, value in one.items() if isinstance(value, Decimal | int) and name in other)
    return one | {name: one[name] + other[name] for name in summed}


def _part(items: list[Item], query: QueryParams, desk: OpenRouterDesk) -> list[Item]:
    offset = 0 if desk.faults.endless_paging is EndlessPaging.SAME_CURSOR else int(query.get("offset", 0))
    return items[offset : offset + min(LIST_LIMIT, int(query.get("limit", LIST_LIMIT)))]
