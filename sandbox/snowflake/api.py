"""Snowflake's SQL API on loopback: statements really run over the books (contract page B §5.4).

What belongs here: sign-in, statements, polling and partitions. What does not: the views they read (`tables`), the
records behind them (`books`).
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from google.auth import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, FaultyServer
from sandbox.responses import ExactJSONResponse
from sandbox.snowflake.books import SnowflakeDesk
from sandbox.snowflake.tables import views
from sandbox.sql import Result, SqlError, run

Item = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
STATEMENTS = "/api/v2/statements"
_TYPES = {
    "DATE": "date",
    "TIMESTAMP": "timestamp_ltz",
    "BIGINT": "fixed",
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
}


@dataclass(frozen=True)
class SnowflakeKeys:
    """Keys the server knows: a programmatic access token, and the public key of a user."""

    access_token: str = "sandbox-snowflake-pat-0000"
    subject: str = "MYORG-MY_ACCOUNT.METERHOUSE"
    public_key: str | None = None
    """PEM; None lets no key-pair token in."""


def snowflake_app(desk: SnowflakeDesk, keys: SnowflakeKeys | None = None) -> ASGIApp:
    """Build the server."""
    known, warehouse = keys or SnowflakeKeys(), _Warehouse(desk)

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            return await endpoint(request) if _is_let_in(known, request) else refuse(401)

        return answer

    app = Starlette(
        routes=[
            Route(STATEMENTS, guarded(warehouse.submit), methods=["POST"]),
            Route(STATEMENTS + "/{handle}", guarded(warehouse.status)),
        ]
    )
    return FaultyServer(app, desk, refuse)


class _Warehouse:
    """Statements by their handles, their results, and how often each is still to be asked about."""

    def __init__(self, desk: SnowflakeDesk) -> None:
        self._desk = desk
        self._results: dict[str, Result] = {}
        self._open_polls: dict[str, int] = {}

    async def submit(self, request: Request) -> Response:
        """Run a statement with its bindings, in UTC."""
        question, desk = await request.json(), self._desk
        if question.get("parameters", {}).get("TIMEZONE") != "UTC":
            return _error(422, "000001", "This account keeps its time in Los Angeles.")
        tables = {name: table for name, table in views(desk.books).items() if name not in desk.hidden}
        bindings = question.get("bindings", {})
        values = [bindings[str(at)]["value"] for at in range(1, len(bindings) + 1)]
        handle = f"01b0-{len(self._open_polls):08d}"
        self._open_polls[handle] = desk.polls
        try:
            result = run(tables, question["statement"], values, catalog="SNOWFLAKE")
        except SqlError as error:
            hidden = next((name for name in desk.hidden if name in question["statement"]), None)
            words = f"Object 'SNOWFLAKE.{hidden}' does not exist or not authorized." if hidden else str(error)
            return _error(422, "002003", f"SQL compilation error: {words}")
        extra = desk.faults.extra_fields
        columns = result.columns + [(name, "VARCHAR") for name in extra]
        self._results[handle] = Result(columns, [(*row, *extra.values()) for row in result.rows])
        return self._answer(handle)

    async def status(self, request: Request) -> Response:
        """Say how a statement stands, or show one partition of its result."""
        handle, partition = request.path_params["handle"], request.query_params.get("partition")
        if handle not in self._results:
            return _error(404, "391918", "The statement does not exist.")
        if partition is not None:
            is_same = self._desk.faults.endless_paging is EndlessPaging.SAME_CURSOR
            return ExactJSONResponse({"data": self._data(handle, 0 if is_same else int(partition))})
        self._open_polls[handle] -= 1
        return self._answer(handle)

    def _answer(self, handle: str) -> Response:
        if self._open_polls[handle] > 0:
            words = "Asynchronous execution in progress. Use provided query id to perform query monitoring."
            body = {"code": "333334", "message": words, "statementHandle": handle}
            return ExactJSONResponse(body | {"statementStatusUrl": f"{STATEMENTS}/{handle}"}, 202)
        result, size = self._results[handle], self._desk.rows_per_partition
        row_counts = [len(result.rows[at : at + size]) for at in range(0, len(result.rows), size)] or [0]
        if self._desk.faults.endless_paging is EndlessPaging.NEW_CURSORS:
            row_counts.append(size)
        described = {
            "numRows": len(result.rows),
            "format": "jsonv2",
            "rowType": [{"name": name, "type": _TYPES.get(kind, "fixed")} for name, kind in result.columns],
            "partitionInfo": [{"rowCount": count, "uncompressedSize": 100} for count in row_counts],
        }
        return ExactJSONResponse(
            {
                "resultSetMetaData": described,
                "data": self._data(handle, 0),
                "code": "090001",
                "statementHandle": handle,
                "sqlState": "00000",
                "message": "Statement executed successfully.",
            }
        )

    def _data(self, handle: str, number: int) -> list[list[str | None]]:
        size = self._desk.rows_per_partition
        rows = self._results[handle].rows[number * size : (number + 1) * size]
        return [[_text(value) for value in row] for row in rows]


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    words = {401: ("390144", "JWT token is invalid."), 429: ("429", "Too many requests.")}
    return _error(status, *words.get(status, ("500", "Internal error.")))


def _error(status: int, code: str, message: str) -> Response:
    return ExactJSONResponse({"code": code, "message": message, "sqlState": "42S02"}, status)


def _is_let_in(keys: SnowflakeKeys, request: Request) -> bool:
    """Whether the token is known, or signed by the user's key and named so."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    kind = request.headers.get("x-snowflake-authorization-token-type")
    if kind == "PROGRAMMATIC_ACCESS_TOKEN":
        return token == keys.access_token
    if kind != "KEYPAIR_JWT" or keys.public_key is None:
        return False
    try:
        claims = jwt.decode(token, certs=keys.public_key)  # type: ignore[no-untyped-call]
    except Exception:
        return False
    der = serialization.load_pem_public_key(keys.public_key.encode()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fingerprint = base64.b64encode(hashlib.sha256(der).digest()).decode()
    is_short = claims["exp"] - claims["iat"] <= 3_600
    return is_short and (claims["sub"], claims["iss"]) == (
        keys.subject,
        f"{keys.subject}.SHA256:{fingerprint}",
    )


def _text(value: Any) -> str | None:
    """Every value is a string: days or seconds since 1970, decimals digit by digit."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{(value - datetime(1970, 1, 1)).total_seconds():.9f}"  # noqa: DTZ001
    if isinstance(value, date):
        return str((value - date(1970, 1, 1)).days)
    return format(value, "f") if hasattr(value, "scaleb") else str(value)
