"""Cloudflare AI Gateway on loopback: logs in pages, for API tokens (contract Cloudflare AI Gateway §5.12).

What belongs here: the path, pages, refusals, and the logs shown (`CloudflareBooks`, given).
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, Faults, FaultyServer
from sandbox.responses import ExactJSONResponse

PAGE_LIMIT = 50
ACCOUNT_ID = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Log:
    """One request through a gateway; `cost` is Cloudflare's estimate in USD."""

    id: str
    gateway: str
    created_at: datetime
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    cached: bool = False
    success: bool = True


@dataclass(frozen=True)
class CloudflareBooks:
    """Everything the gateways know at a moment."""

    now: datetime
    logs: list[Log]


@dataclass
class CloudflareDesk:
    """What the server works from; put other books in to restate."""

    books: CloudflareBooks
    token: str = "cf-0123456789abcdef-EXAMPLE"
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(
    first_day: date, days: int, seed: int
) -> tuple[CloudflareBooks, dict[tuple[date, str], Decimal]]:
    """Books of some requests a day through one gateway, and their estimated cost per day and model: the truth."""
    chance = random.Random(seed)
    logs: list[Log] = []
    truth: dict[tuple[date, str], Decimal] = {}
    for day in (first_day + timedelta(days=n) for n in range(days)):
        for _ in range(chance.randrange(1, 9)):
            model = chance.choice(("gpt-4o-mini", "claude-haiku-4-5"))
            provider = "openai" if model.startswith("gpt") else "anthropic"
            cached = chance.random() < 0.2
            cost = Decimal(0) if cached else Decimal(chance.randrange(1, 10**6)).scaleb(-8)
            moment = datetime.combine(day, time(), UTC) + timedelta(seconds=chance.randrange(86_400))
            logs.append(Log(f"log-{len(logs)}", "main", moment, provider, model, 100, 20, cost, cached))
            truth[day, model] = truth.get((day, model), Decimal(0)) + cost
    return CloudflareBooks(datetime.combine(first_day + timedelta(days=days), time(6), UTC), logs), truth


def cloudflare_app(desk: CloudflareDesk) -> ASGIApp:
    """Build the server."""

    async def logs(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {desk.token}":
            return refuse(401)
        if request.path_params["account"] != ACCOUNT_ID:
            return refuse(403)
        query, endless = request.query_params, desk.faults.endless_paging
        page = 1 if endless is EndlessPaging.SAME_CURSOR else int(query.get("page", 1))
        size = min(PAGE_LIMIT, int(query.get("per_page", 20)))
        start, end = (datetime.fromisoformat(query[name]) for name in ("start_date", "end_date"))
        found = [
            log
            for log in sorted(desk.books.logs, key=lambda log: (log.created_at, log.id))
            if log.gateway == request.path_params["gateway"] and start <= log.created_at <= end
        ]
        result = [_log(log) | desk.faults.extra_fields for log in found[(page - 1) * size : page * size]]
        total = len(found)
        if endless is EndlessPaging.NEW_CURSORS:
            result = [_log(log) | {"id": f"{log.id}-{page}"} for log in found[:size]]
            total = 10**9
        info = {"page": page, "per_page": size, "count": len(result), "total_count": total}
        return ExactJSONResponse({"success": True, "errors": [], "result": result, "result_info": info})

    path = "/client/v4/accounts/{account}/ai-gateway/gateways/{gateway}/logs"
    return FaultyServer(Starlette(routes=[Route(path, logs)]), desk, refuse)


def refuse(status: int) -> Response:
    """Refuse with a status: 401, 403, 429 or 500."""
    messages = {401: (10000, "Authentication error"), 403: (10000, "Forbidden"), 429: (971, "Rate limited")}
    code, message = messages.get(status, (1000, "internal error"))
    return ExactJSONResponse(
        {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None},
        status,
    )


def _log(log: Log) -> dict[str, Any]:
    return {
        "id": log.id,
        "created_at": f"{log.created_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "provider": log.provider,
        "model": log.model,
        "model_type": "text-generation",
        "path": "chat/completions",
        "status_code": 200 if log.success else 500,
        "success": log.success,
        "cached": log.cached,
        "cost": log.cost,
        "custom_cost": False,
        "tokens_in": log.tokens_in,
        "tokens_out": log.tokens_out,
        "duration": 812,
        "metadata": {"user": "a person's name"},
        "step": 0,
    }
