"""How Azure refuses, who may ask, and how it cuts answers into pages (contract Azure §3.2).

What belongs here: what all of its servers share. What does not: any path (`api`,
`directory`).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.azure_openai.books import AzureDesk
from sandbox.faults import EndlessPaging
from sandbox.responses import ExactJSONResponse

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(desk: AzureDesk, endpoint: Endpoint, role: str) -> Endpoint:
    """Let only requests through that carry the app's token, while the app holds the role."""

    async def answer(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {desk.app.token}":
            return refuse(401)
        if role not in desk.roles:
            return _forbidden(desk, request)
        return await endpoint(request)

    return answer


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    if status == 401:
        return error(401, "ExpiredAuthenticationToken", "The access token expiry UTC time has passed.")
    if status == 429:
        return error(429, "429", "Too many requests. Please retry.")
    return error(status, "InternalServerError", "The service could not answer.")


def error(status: int, code: str, message: str) -> Response:
    """Refuse with Azure's body."""
    return ExactJSONResponse({"error": {"code": code, "message": message}}, status)


def page_of(desk: AzureDesk, request: Request, items: list[Any], size: int) -> tuple[list[Any], str | None]:
    """Cut one page out of the items, and name the absolute link to the rest."""
    at = int(request.query_params.get("$skiptoken", "0"))
    match desk.faults.endless_paging:
        case EndlessPaging.SAME_CURSOR:
            after: int | None = at
        case EndlessPaging.NEW_CURSORS:
            after = at + 1
        case _:
            after = at + size if at + size < len(items) else None
    if after is None:
        return items[at : at + size], None
    begin = 0 if desk.faults.endless_paging else at
    return items[begin : begin + size], str(request.url.include_query_params(**{"$skiptoken": after}))


def list_body(desk: AzureDesk, request: Request, items: list[dict[str, Any]]) -> Response:
    """Answer with one page of a list."""
    page, link = page_of(desk, request, items, desk.rows_per_page)
    return ExactJSONResponse({"value": page} | ({"nextLink": link} if link else {}))


def _forbidden(desk: AzureDesk, request: Request) -> Response:
    message = (
        f"The client '{desk.app.client_id}' does not have authorization to perform this action over scope "
        f"'{request.url.path}' or the scope is invalid."
    )
    return error(403, "AuthorizationFailed", message)
