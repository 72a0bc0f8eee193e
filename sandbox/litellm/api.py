"""A LiteLLM proxy on loopback: daily activity, keys and teams, for keys of admins (contract litellm §3).

What belongs here: paths, pages of the proxy's own rows and how they fold into days, refusals. What does not:
which rows there are (`LiteLLMBooks`, given).
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, Faults, FaultyServer
from sandbox.litellm.logs import COUNTED, logs_page
from sandbox.responses import ExactJSONResponse

Endpoint = Callable[[Request], Awaitable[Response]]
Item = dict[str, Any]


@dataclass(frozen=True)
class Metrics:
    """What LiteLLM counts; `spend` is its own estimate in USD, and cached tokens are inside the prompt's."""

    spend: Decimal = Decimal(0)
    flat_cost: Decimal = Decimal(0)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    compression_saved_tokens: int = 0
    compression_savings_spend: Decimal = Decimal(0)
    prompt_caching_savings_spend: Decimal = Decimal(0)
    gateway_injected_caching_savings_spend: Decimal = Decimal(0)
    autorouter_savings_spend: Decimal = Decimal(0)
    total_tokens: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    api_requests: int = 0
    total_response_time_ms: int = 0
    timed_requests: int = 0


@dataclass(frozen=True)
class ActivityRow:
    """One row of the proxy's own daily table."""

    day: date
    model: str | None
    api_key: str
    """Hash of the virtual key."""
    user_id: str
    metrics: Metrics


@dataclass(frozen=True)
class LiteLLMBooks:
    """Everything the proxy knows; keys and teams as it lists them."""

    activity: list[ActivityRow]
    keys: list[Item]
    teams: list[Item]
    logs: list[Item] = field(default_factory=list)
    """Single requests as the proxy shows them, in any order."""


@dataclass
class LiteLLMDesk:
    """What the server works from; put other books in to restate."""

    books: LiteLLMBooks
    counted_logs: int = COUNTED
    """Requests up to which the total of a page of logs is counted."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


@dataclass(frozen=True)
class LiteLLMKeys:
    """Keys the proxy knows: of an admin's viewer, and of an ordinary user with that user's id."""

    admin: str = "sk-litellm-viewer-0000"
    user: str = "sk-litellm-user-0000"
    user_id: str = "alice"


def litellm_app(desk: LiteLLMDesk, keys: LiteLLMKeys) -> ASGIApp:
    """Build the proxy; its paths begin at the root."""

    async def activity(request: Request) -> Response:
        query = request.query_params
        if not query.get("start_date") or not query.get("end_date"):
            return _error(400, "Start date and end date are required", "bad_request")
        page, size = int(query.get("page", 1)), int(query.get("page_size", 50))
        if not 1 <= size <= 1000:
            return _page_too_big("page_size", 1000)
        first, last = date.fromisoformat(query["start_date"]), date.fromisoformat(query["end_date"])
        is_admin = _key(request) == keys.admin
        rows = [
            row
            for row in desk.books.activity
            if first <= row.day <= last and (is_admin or row.user_id == keys.user_id)
        ]
        rows.sort(key=lambda row: row.day, reverse=True)
        return ExactJSONResponse(_activity_page(rows, page, size, desk, desk.books.keys))

    async def global_spend(request: Request) -> Response:
        if _key(request) != keys.admin:
            message = (
                "Authentication Error, Only proxy admin can be used to generate, delete, update info for new"
                " keys/users/teams. Route=/global/spend. Your role=unknown. Your user_id=*******"
            )
            return _error(401, message, "auth_error")
        total = sum((row.metrics.spend for row in desk.books.activity), Decimal(0))
        return ExactJSONResponse({"spend": total, "max_budget": Decimal("0.0")})

    async def key_list(request: Request) -> Response:
        page, query = _list_page(desk.books.keys, request.query_params, "size")
        return page or ExactJSONResponse(
            {
                "keys": query["items"],
                "total_count": query["total"],
                "current_page": query["page"],
                "total_pages": query["pages"],
            }
        )

    async def team_list(request: Request) -> Response:
        page, query = _list_page(desk.books.teams, request.query_params, "page_size")
        return page or ExactJSONResponse(
            {
                "teams": query["items"],
                "total": query["total"],
                "page": query["page"],
                "page_size": query["size"],
                "total_pages": query["pages"],
            }
        )

    def known(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            return await endpoint(request) if _key(request) in (keys.admin, keys.user) else refuse(401)

        return guarded

    app = Starlette(
        routes=[
            Route("/user/daily/activity", known(activity)),
            Route("/global/spend", known(global_spend)),
            Route("/spend/logs/v2", known(_spend_logs(desk))),
            Route("/key/list", known(key_list)),
            Route("/v2/team/list", known(team_list)),
        ]
    )
    return FaultyServer(app, desk, refuse)


def _spend_logs(desk: LiteLLMDesk) -> Endpoint:
    async def spend_logs(request: Request) -> Response:
        page = logs_page(desk.books.logs, request.query_params, desk.counted_logs)
        return _error(400, "Invalid date format.", "bad_request") if page is None else ExactJSONResponse(page)

    return spend_logs


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    if status == 401:
        message = (
            "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...,"
            " Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
        )
        return _error(401, message, "token_not_found_in_db")
    return _error(status, "No connected db." if status == 500 else "Too many requests.", "internal_error")


def _key(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _error(status: int, message: str, kind: str) -> Response:
    body = {"error": {"message": message, "type": kind, "param": "None", "code": str(status)}}
    return ExactJSONResponse(body, status)


def _page_too_big(name: str, most: int) -> Response:
    words = f"Input should be less than or equal to {most}"
    return ExactJSONResponse(
        {"detail": [{"type": "less_than_equal", "loc": ["query", name], "msg": words}]}, 422
    )


def _list_page(items: list[Item], query: QueryParams, size_name: str) -> tuple[Response | None, Item]:
    page, size = int(query.get("page", 1)), int(query.get(size_name, 10))
    if size > 100:
        return _page_too_big(size_name, 100), {}
    part = items[(page - 1) * size : page * size]
    return None, {
        "items": part,
        "total": len(items),
        "page": page,
        "size": size,
        "pages": -(-len(items) // size),
    }


def _activity_page(
    rows: list[ActivityRow], page: int, size: int, desk: LiteLLMDesk, keys: list[Item]
) -> Item:
    """One page of rows, folded into dates: a date goes on on the next page, and totals are the page's."""
    endless = desk.faults.endless_paging
    shown = 1 if endless is EndlessPaging.SAME_CURSOR else page
    part = rows[(shown - 1) * size : shown * size]
    pages = max(1, -(-len(rows) // size))
    days = sorted({row.day for row in part}, reverse=True)
    totals = {f"total_{name.removeprefix('total_')}": value for name, value in _metrics(part, {}).items()}
    limits = dict.fromkeys(("api_key_limit", "total_api_keys", "entity_total_api_keys"))
    return {
        "results": [_day(day, [row for row in part if row.day == day], desk, keys) for day in days],
        "metadata": totals
        | {"page": page, "total_pages": pages, "has_more": endless is not None or page < pages}
        | limits,
    }


def _day(day: date, rows: list[ActivityRow], desk: LiteLLMDesk, keys: list[Item]) -> Item:
    extra = desk.faults.extra_fields
    whose = {key["token"]: key for key in keys}
    models = {}
    for model in sorted({row.model for row in rows if row.model}):
        of_model = [row for row in rows if row.model == model]
        by_key = {}
        for api_key in sorted({row.api_key for row in of_model}):
            of_key = [row for row in of_model if row.api_key == api_key]
            key = whose.get(api_key, {})
            who = {name: key.get(name) for name in ("key_alias", "team_id", "user_id")}
            by_key[api_key] = {
                "metrics": _metrics(of_key, extra),
                "metadata": who | {"user_email": None, "key_exists": bool(key)},
            }
        models[model] = {
            "metrics": _metrics(of_model, extra),
            "metadata": {},
            "api_key_breakdown": by_key,
        }
    axes = dict.fromkeys(("mcp_servers", "model_groups", "providers", "endpoints", "api_keys", "entities"))
    breakdown = {axis: dict[str, Any]() for axis in axes} | {"models": models}
    return {"date": day.isoformat(), "metrics": _metrics(rows, extra), "breakdown": breakdown}


def _metrics(rows: Iterable[ActivityRow], extra: Item) -> Item:
    parts = [row.metrics for row in rows]
    return {
        metric.name: sum(getattr(part, metric.name) for part in parts) for metric in fields(Metrics)
    } | extra
