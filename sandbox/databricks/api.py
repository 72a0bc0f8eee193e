"""Databricks' statement API on loopback: statements really run over the books (contract page B §5.3).

What belongs here: sign-in, statements, polling and chunks. What does not: the tables they read (`tables`), the records
behind them (`books`).
"""

import re
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.databricks.books import DatabricksDesk
from sandbox.databricks.tables import system_tables
from sandbox.faults import EndlessPaging, FaultyServer
from sandbox.responses import ExactJSONResponse
from sandbox.sql import Result, SqlError, run

Item = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
STATEMENTS = "/api/2.0/sql/statements"


@dataclass(frozen=True)
class DatabricksKeys:
    """Keys the server knows: a personal access token, and a service principal with the token it is given."""

    access_token: str = "dapi00000000000000000000000000000000"
    client_id: str = "7f3b2c1d-0000-4000-8000-000000000001"
    client_secret: str = "dose0000000000000000000000000000"
    oauth_token: str = "eyJ.sandbox.databricks"


def databricks_app(desk: DatabricksDesk, keys: DatabricksKeys | None = None) -> ASGIApp:
    """Build the server: the workspace's sign-in and its SQL warehouse."""
    known, warehouse = keys or DatabricksKeys(), _Warehouse(desk)

    async def token(request: Request) -> Response:
        return _token(known, request, dict(parse_qsl((await request.body()).decode())))

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            sent = request.headers.get("authorization", "").removeprefix("Bearer ")
            return await endpoint(request) if sent in (known.access_token, known.oauth_token) else refuse(401)

        return answer

    app = Starlette(
        routes=[
            Route("/oidc/v1/token", token, methods=["POST"]),
            Route(STATEMENTS, guarded(warehouse.submit), methods=["POST"]),
            Route(STATEMENTS + "/{handle}", guarded(warehouse.poll)),
            Route(STATEMENTS + "/{handle}/result/chunks/{number:int}", guarded(warehouse.chunk)),
        ]
    )
    return FaultyServer(app, desk, refuse)


class _Warehouse:
    """Statements by their handles, their results, and how often each is still to be asked about."""

    def __init__(self, desk: DatabricksDesk) -> None:
        self._desk = desk
        self._results: dict[str, Result] = {}
        self._open_polls: dict[str, int] = {}

    async def submit(self, request: Request) -> Response:
        """Run a statement."""
        question, desk = await request.json(), self._desk
        if question.get("warehouse_id") != desk.warehouse_id:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", "SQL warehouse does not exist.")
        handle = f"01f0-{len(self._open_polls):08d}"
        self._open_polls[handle] = desk.polls
        if not desk.is_granted:
            words = "[INSUFFICIENT_PERMISSIONS] User does not have USE SCHEMA on Schema 'system.billing'."
            return ExactJSONResponse(_failed(handle, words))
        try:
            self._results[handle] = _answer(desk, question)
        except SqlError as error:
            return ExactJSONResponse(_failed(handle, str(error)))
        return ExactJSONResponse(self._state(handle))

    async def poll(self, request: Request) -> Response:
        """Say how a statement stands."""
        handle = request.path_params["handle"]
        if handle not in self._results:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", "The statement does not exist.")
        self._open_polls[handle] -= 1
        return ExactJSONResponse(self._state(handle))

    async def chunk(self, request: Request) -> Response:
        """Show one part of a result."""
        handle, number = request.path_params["handle"], request.path_params["number"]
        given = 0 if self._desk.faults.endless_paging is EndlessPaging.SAME_CURSOR else number
        return ExactJSONResponse(_chunk(self._desk, handle, self._results[handle], given))

    def _state(self, handle: str) -> Item:
        if self._open_polls[handle] > 0:
            return {"statement_id": handle, "status": {"state": "RUNNING"}}
        result, is_endless = self._results[handle], bool(self._desk.faults.endless_paging)
        columns = [
            {"name": name, "type_text": kind, "position": at}
            for at, (name, kind) in enumerate(result.columns)
        ]
        return {
            "statement_id": handle,
            "status": {"state": "SUCCEEDED"},
            "manifest": {
                "format": "JSON_ARRAY",
                "schema": {"column_count": len(columns), "columns": columns},
                "total_chunk_count": -(-len(result.rows) // self._desk.rows_per_chunk) + is_endless,
                "total_row_count": len(result.rows),
                "truncated": False,
            },
            "result": _chunk(self._desk, handle, result, 0),
        }


def _token(keys: DatabricksKeys, request: Request, form: dict[str, str]) -> Response:
    basic = b64encode(f"{keys.client_id}:{keys.client_secret}".encode()).decode()
    is_asked_well = form == {"grant_type": "client_credentials", "scope": "all-apis"}
    if request.headers.get("authorization") != f"Basic {basic}" or not is_asked_well:
        words = {"error": "invalid_client", "error_description": "Client authentication failed"}
        return ExactJSONResponse(words, 401)
    return ExactJSONResponse({"access_token": keys.oauth_token, "token_type": "Bearer", "expires_in": 3600})


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    words = {
        401: ("UNAUTHENTICATED", "Invalid access token."),
        429: ("REQUEST_LIMIT_EXCEEDED", "Too many requests, please retry."),
    }
    return _error(status, *words.get(status, ("INTERNAL_ERROR", "Internal error.")))


def _error(status: int, code: str, message: str) -> Response:
    return ExactJSONResponse({"error_code": code, "message": message}, status)


def _failed(handle: str, words: str) -> Item:
    error = {"error_code": "BAD_REQUEST", "message": words}
    return {"statement_id": handle, "status": {"state": "FAILED", "error": error}}


def _answer(desk: DatabricksDesk, question: Item) -> Result:
    """Run the statement with its named parameters, spelled as DuckDB spells them."""
    statement = question["statement"].replace("system.billing.", "billing.")
    values = {
        p["name"]: date.fromisoformat(p["value"]) if p["type"] == "DATE" else p["value"]
        for p in question["parameters"]
    }
    spelled = re.sub(r"(?<![:\w]):(\w+)", r"$\1", statement)
    result = run(system_tables(desk.books), spelled, values)
    extra = desk.faults.extra_fields
    columns = result.columns + [(name, "STRING") for name in extra]
    return Result(columns, [(*row, *extra.values()) for row in result.rows])


def _chunk(desk: DatabricksDesk, handle: str, result: Result, number: int) -> Item:
    size = desk.rows_per_chunk
    rows = result.rows[number * size : (number + 1) * size]
    has_more = (number + 1) * size < len(result.rows)
    link = f"{STATEMENTS}/{handle}/result/chunks/{number + 1}?row_offset={(number + 1) * size}"
    return {
        "chunk_index": number,
        "row_offset": number * size,
        "row_count": len(rows),
        "data_array": [[_text(value) for value in row] for row in rows],
        "next_chunk_internal_link": link if has_more else None,
    }


def _text(value: Any) -> str | None:
    """Every value is a string (§5.3)."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return None if value is None else format(value, "f") if hasattr(value, "scaleb") else str(value)
