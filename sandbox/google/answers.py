"""What all of Google's answers share: errors, pages, bodies, and who may ask.

What belongs here: envelopes. What does not: what any path answers (`bigquery`, `monitoring`).
"""

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import EndlessPaging
from sandbox.google.books import GoogleDesk
from sandbox.responses import ExactJSONResponse

Endpoint = Callable[[Request], Awaitable[Response]]
_REASONS = {400: "invalid", 401: "authError", 403: "accessDenied", 404: "notFound", 429: "rateLimitExceeded"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    words = {
        401: "Request had invalid authentication credentials.",
        429: "Quota exceeded for requests per minute.",
    }
    return error(status, words.get(status, "Internal error encountered."))


def error(status: int, words: str, reason: str | None = None) -> Response:
    """An error body with its reason (contract Google §2.5)."""
    reason = reason or _REASONS.get(status, "backendError")
    errors = [{"message": words, "domain": "global", "reason": reason}]
    body = {"code": status, "message": words, "status": _STATUSES.get(status, "INTERNAL"), "errors": errors}
    return ExactJSONResponse({"error": body}, status)


def guarded(desk: GoogleDesk, endpoint: Endpoint, role: str, denial: str) -> Endpoint:
    """The endpoint for who is signed in and holds the role; `denial` is what others hear, of the path's parts."""

    async def guard(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {desk.account.token}":
            return refuse(401)
        if role not in desk.roles:
            return error(403, denial.format(**request.path_params))
        return await endpoint(request)

    return guard


def page_of(desk: GoogleDesk, rows: list[Any], token: str | None, size: int) -> tuple[list[Any], str | None]:
    """A page, and the token of the next one; an endless one gives tokens for ever."""
    start, length = int((token or "0").split("-")[0]), min(size, desk.rows_per_page)
    endless = desk.faults.endless_paging
    following = str(start + length) if start + length < len(rows) else None
    if endless is EndlessPaging.SAME_CURSOR:
        following = "0"
    elif endless is EndlessPaging.NEW_CURSORS:
        following = f"0-{int((token or '0-0').split('-')[1]) + 1}"
    return rows[start : start + length], following


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON of a request, unpacked."""
    body = await request.body()
    packed = request.headers.get("content-encoding") == "gzip"
    read: dict[str, Any] = json.loads(gzip.decompress(body) if packed else body)
    return read
