"""OpenAI's refusals: who may read what, and the error bodies (contract openai §1.7).

What belongs here: statuses, messages and codes. What does not: when a fault is due (`faults`).
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.buckets import BadRequestError
from sandbox.responses import ExactJSONResponse


@dataclass(frozen=True)
class OpenAIKeys:
    """Keys the server knows: of an owner, who may read usage, and of an application, which may not."""

    admin: str = "sk-admin-sandbox-owner-0000"
    project: str = "sk-proj-sandbox-application-0000"


def _error(status: int, message: str, kind: str, parameter: str | None, code: str | None) -> Response:
    body = {"error": {"message": message, "type": kind, "param": parameter, "code": code}}
    return ExactJSONResponse(body, status)


def refuse_key(request: Request, keys: OpenAIKeys) -> Response | None:
    """Refuse a request that no Admin key signed; None when one did."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if key == keys.admin:
        return None
    if key == keys.project:
        message = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
        return _error(403, message, "server_error", None, None)
    return _wrong_key(key)


def _wrong_key(key: str) -> Response:
    message = (
        f"Incorrect API key provided: {key[:9]}****{key[-4:]}. "
        "You can find your API key at https://platform.openai.com/account/api-keys."
    )
    return _error(401, message, "invalid_request_error", None, "invalid_api_key")


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    if status == 401:
        return _wrong_key("sk-admin-expired")
    if status == 429:
        message = "Rate limit reached. Please try again later."
        return _error(429, message, "requests", None, "rate_limit_exceeded")
    message = "The server had an error while processing your request. Sorry about that!"
    return _error(status, message, "server_error", None, None)


async def bad_request(_: Request, error: Exception) -> Response:
    """Answer 400, naming the parameter."""
    if not isinstance(error, BadRequestError):
        raise error
    return _error(400, error.message, "invalid_request_error", error.parameter, "invalid_value")


async def not_found(request: Request, _: Exception) -> Response:
    """Answer 404."""
    message = f"Invalid URL ({request.method} {request.url.path})"
    return _error(404, message, "invalid_request_error", None, None)
