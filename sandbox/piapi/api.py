"""PiAPI on loopback: account, task history and single tasks, for API keys (contract PiAPI §4).

What belongs here: paths, wrappers, pages, codes in bodies. What does not: which tasks there are (`books.py`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, Faults, FaultyServer
from sandbox.piapi.books import PiAPIBooks, Task
from sandbox.responses import ExactJSONResponse

PAGE_LIMIT = 100
NEVER = "0001-01-01T00:00:00Z"
Endpoint = Callable[[Request], Awaitable[Response]]
Item = dict[str, Any]


@dataclass
class PiAPIDesk:
    """What the server works from; put other books in to restate."""

    books: PiAPIBooks
    key: str = "piapi-0123456789abcdef-EXAMPLE"
    is_flat: bool = False
    """Whether answers come without their wrapper, as some deployments send them."""
    codes_in_bodies: bool = False
    """Whether failures come as HTTP 200 with the code in the body."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def piapi_app(desk: PiAPIDesk) -> ASGIApp:
    """Build the server."""

    async def account(_: Request) -> Response:
        return _answer(desk, _account(desk))

    async def histories(request: Request) -> Response:
        query = request.query_params
        page = 1 if desk.faults.endless_paging is EndlessPaging.SAME_CURSOR else int(query.get("page", 1))
        size = min(PAGE_LIMIT, int(query.get("page_size", PAGE_LIMIT)))
        start, end = int(query.get("start_time", 0)), int(query.get("end_time", 2**40))
        tasks = [task for task in desk.books.tasks if start <= task.created_at.timestamp() <= end]
        tasks.sort(key=lambda task: (task.created_at, task.id), reverse=True)
        items = [_history(task) | desk.faults.extra_fields for task in tasks[(page - 1) * size : page * size]]
        total = len(tasks)
        if desk.faults.endless_paging is EndlessPaging.NEW_CURSORS:
            items = [_history(task) | {"id": task.id + page * 10**9} for task in tasks[:size]]
            total = 10**9
        return _answer(desk, {"data": items, "page": page, "size": size, "total": total})

    async def task(request: Request) -> Response:
        wanted = request.path_params["task_id"]
        found = next((task for task in desk.books.tasks if task.task_id == wanted and task.is_known), None)
        return refuse(404) if found is None else _answer(desk, _task(found))

    def refuse(status: int) -> Response:
        messages = {401: "invalid api key", 404: "task not found", 429: "too many requests"}
        body = {"code": status, "data": None, "message": messages.get(status, "internal error")}
        return ExactJSONResponse(body, 200 if desk.codes_in_bodies else status)

    def keyed(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            return await endpoint(request) if request.headers.get("x-api-key") == desk.key else refuse(401)

        return guarded

    app = Starlette(
        routes=[
            Route("/account/info", keyed(account)),
            Route("/api/open/tasks/histories", keyed(histories)),
            Route("/api/v1/task/{task_id}", keyed(task)),
        ]
    )
    return FaultyServer(app, desk, refuse)


def _answer(desk: PiAPIDesk, data: Item) -> Response:
    return ExactJSONResponse(data if desk.is_flat else {"code": 200, "data": data, "message": "success"})


def _time(task: Task) -> str:
    return f"{task.created_at:%Y-%m-%dT%H:%M:%S.%f}{task.nanoseconds:03d}Z"


def _account(desk: PiAPIDesk) -> Item:
    """The account, with the key in clear, as PiAPI sends it."""
    created: datetime = desk.books.now.replace(year=desk.books.now.year - 1)
    return {
        "id": desk.books.account_id,
        "name": "acme-media",
        "api_key": desk.key,
        "plan": "creator",
        "platform": "piapi",
        "type": "user",
        "account_group": "default",
        "equivalent_in_usd": desk.books.balance_usd,
        "credit_pack_info": {"total_credits": 0, "used_credits": 0, "available_credits": 0},
        "wallet": {},
        "max_video_concurrency": 20,
        "created_at": f"{created:%Y-%m-%dT%H:%M:%SZ}",
        "updated_at": f"{desk.books.now:%Y-%m-%dT%H:%M:%SZ}",
    }


def _history(task: Task) -> Item:
    detail = {"task_id": task.task_id, "model": task.task_model, "workflow_type": ""}
    return {
        "id": task.id,
        "account_id": 1234,
        "api_key_id": task.api_key_id,
        "task_id": task.task_id,
        "task_model": task.task_model,
        "action": task.action,
        "service_mode": "public",
        "status": task.status,
        "usage": task.usage,
        "usage_type": task.usage_type,
        "fixed": True,
        "detail": detail,
        "created_at": _time(task),
        "updated_at": _time(task),
    }


def _task(task: Task) -> Item:
    is_open = task.consumed is None
    usage = {"type": task.usage_type, "frozen": task.frozen, "consume": 0 if is_open else task.consumed}
    ended_at = NEVER if is_open else _time(task)
    return {
        "task_id": task.task_id,
        "model": task.task_model,
        "task_type": task.action,
        "status": "Processing"
        if is_open
        else {"finished": "Completed"}.get(task.status, task.status.title()),
        "config": {"webhook_config": {"secret": "a webhook's secret"}},
        "input": {"prompt": "what a person wrote"},
        "output": {"url": "https://example.com/private"},
        "meta": {
            "created_at": _time(task),
            "started_at": NEVER if is_open else _time(task),
            "ended_at": ended_at,
            "usage": usage,
        },
        "detail": None,
        "logs": [],
        "error": {"code": 0, "raw_message": "", "message": "", "detail": None},
    }
