"""What the endpoint says when it cannot do as asked: problem details in JSON (RFC 9457).

What belongs here: the error a door raises, and its answer. What does not: verdicts on events, which are no errors of
the request (`commit.py`).
"""

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class ProblemError(Exception):
    """A request that gets no 2xx; `detail` is one sentence: what, where, how to mend it."""

    def __init__(
        self, status: HTTPStatus, detail: str, retry_after_seconds: int | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        self.more = more

    def response(self) -> JSONResponse:
        """The answer, with `Retry-After` where waiting helps."""
        content = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **self.more,
        }
        headers = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(content, self.status, headers, media_type="application/problem+json")


async def problem_response(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Starlette's exception handler for `ProblemError`."""
    assert isinstance(error, ProblemError)
    return error.response()


async def http_error_response(request: Request, error: Exception) -> Response:
    """Starlette's exception handler for its own errors: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    detail = f"{request.method} {request.url.path} is not served here; docs/gateway.md lists the doors."
    answer = ProblemError(HTTPStatus(error.status_code), detail).response()
    answer.headers.update(error.headers or {})
    return answer


async def failure_response(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Starlette's exception handler for what should not happen; the log has it, the answer does not."""
    detail = "The gateway failed; nothing of this request was acknowledged. Its log says why."
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail).response()
