"""The ASGI application of the console: its pages, its start and its end.

What belongs here: wiring, and what errors look like. What does not: any page.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from dlt_sources.contract import ProviderError
from meterhouse import charts
from meterhouse.console import (
    alerts,
    budgets,
    connections,
    costs,
    entrance,
    health,
    integrations,
    rejects,
    traces,
    transactions,
)
from meterhouse.console.jobs import Jobs
from meterhouse.console.render import STATIC
from meterhouse.console.security import SecurityHeaders, session_key
from meterhouse.console.sign_on import SignOn
from meterhouse.console.web import Console, page_response, user_of
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost")
_SESSION_SECONDS = 12 * 60 * 60
_AREAS = (
    *(connections, integrations, costs, budgets, transactions, traces, rejects, alerts, health, entrance),
)

logger = logging.getLogger(__name__)


class _Static(StaticFiles):
    """Files whose address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer


def build_app(settings: Settings, asks_log_in: bool, is_https: bool = False) -> Starlette:
    """The console of an installation, for any ASGI server with one worker process.

    Args:
        settings: Where the installation lives.
        asks_log_in: Whether visitors log in. Without it only requests for this machine's own name are answered, so that
            no other site's page can reach the console through the visitor's browser.
        is_https: Whether it is reached over HTTPS: then browsers send the session over nothing else.

    Raises:
        VaultError: The key that signs sessions cannot be made or opened.
        UsageError: The settings of OpenID Connect are not whole.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(charts.warm_up))
        yield
        warming.cancel()
        app.state.console.jobs.end()

    app = Starlette(
        routes=[
            Route("/", lambda request: RedirectResponse("/connections"), methods=["GET"]),  # noqa: ARG005
            *(route for area in _AREAS for route in area.routes()),
            Mount("/static", _Static(directory=STATIC)),
        ],
        middleware=[
            Middleware(SecurityHeaders, is_https=is_https),
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=["*"] if asks_log_in else list(LOOPBACK),
                www_redirect=False,
            ),
            Middleware(
                SessionMiddleware,
                secret_key=session_key(settings),
                session_cookie="meterhouse_console",
                max_age=_SESSION_SECONDS,
                same_site="lax",
                https_only=is_https,
            ),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            MeterhouseError: _problem,
            ProviderError: _problem,
            Exception: _failure,
        },
        lifespan=lifespan,
    )
    sign_on = SignOn(settings) if asks_log_in and settings.oidc_issuer else None
    app.state.console = Console(settings, Jobs(settings), asks_log_in, sign_on)
    return app


def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    message = "There is no such page." if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
    return _problem_page(request, status, status.phrase, message)


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, MeterhouseError | ProviderError)
    status = HTTPStatus.BAD_REQUEST if isinstance(error, UsageError) else HTTPStatus.SERVICE_UNAVAILABLE
    return _problem_page(request, status, "This cannot be shown", error.message, error.next_step)


def _failure(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed (%s)", request.method, request.url.path, type(error).__name__)
    return _problem_page(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "The page failed inside Meterhouse; the console's log says where.",
    )


def _problem_page(
    request: Request, status: HTTPStatus, title: str, message: str, next_step: str | None = None
) -> Response:
    return page_response(
        request, user_of(request), "problem.html", status, title=title, message=message, next_step=next_step
    )
