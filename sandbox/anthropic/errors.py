"""Anthropic's refusals: who may read what, and the error bodies (contract anthropic §2.1, §2.8).

What belongs here: statuses, types and messages. What does not: when a fault is due (`faults`).
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.buckets import BadRequestError
from sandbox.responses import ExactJSONResponse

BETA = "analytics-usage-cost-2026-08-24"
REQUEST_ID = "req_011sandbox000000000000000"
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
}
REFUSALS = {
    401: "invalid x-api-key",
    404: "Not found",
    429: "Rate limited. Please try again later.",
    500: "Internal server error",
}


@dataclass(frozen=True)
class AnthropicKeys:
    """Keys the server knows: an Admin key, and one of an application, which the Admin API does not know."""

    admin: str = "sk-ant-admin01-sandbox-owner-0000"
    application: str = "sk-ant-api03-sandbox-application-0000"


def refuse_key(request: Request, keys: AnthropicKeys) -> Response | None:
    """Refuse a request that no Admin key signed, or that names no version; None when all is well."""
    if request.headers.get("x-api-key") != keys.admin:
        return refuse(401)
    if "anthropic-version" not in request.headers:
        return refuse(400, "anthropic-version: header is required")
    return None


def refuse_without_beta(request: Request) -> Response | None:
    """Refuse a request of the analytics API whose header does not name the beta; None when all is well."""
    if "/analytics/" not in request.url.path or BETA in request.headers.get("anthropic-beta", "").split(","):
        return None
    return refuse(400, f"anthropic-beta: {BETA} is required")


def refuse(status: int, message: str | None = None) -> Response:
    """Refuse with a status, and the message it usually has."""
    error = {"type": ERROR_TYPES[status], "message": message or REFUSALS[status]}
    body = {"type": "error", "error": error, "request_id": REQUEST_ID}
    return ExactJSONResponse(body, status, headers={"request-id": REQUEST_ID})


async def bad_request(_: Request, error: Exception) -> Response:
    """Answer 400, naming the parameter."""
    if not isinstance(error, BadRequestError):
        raise error
    return refuse(400, error.message)


async def not_found(_request: Request, _error: Exception) -> Response:
    """Answer 404."""
    return refuse(404)
