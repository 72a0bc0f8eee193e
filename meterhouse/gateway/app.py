"""The ASGI application of the metering endpoint: its paths, its start and its end.

What belongs here: wiring. What does not: any door's behaviour (`doors/`).
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from meterhouse.errors import MeterhouseError
from meterhouse.events.kinds import EVENTS, OUTCOMES
from meterhouse.gateway import metrics
from meterhouse.gateway.access import Access
from meterhouse.gateway.commit import Committer
from meterhouse.gateway.doors import litellm, native, otlp, revenium
from meterhouse.gateway.doors.controls import ControlsDoor
from meterhouse.gateway.doors.entry import Gateway, admitted, gateway_of
from meterhouse.gateway.idempotency import IdempotentAnswers
from meterhouse.gateway.keys import Scope
from meterhouse.gateway.openapi import get_openapi
from meterhouse.gateway.problems import ProblemError, failure_response, http_error_response, problem_response
from meterhouse.gateway.queue import CommitQueue
from meterhouse.settings import Settings

_LAST_USED_SECONDS = 10

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def build_app(settings: Settings) -> Starlette:
    """The endpoint of an installation, for any ASGI server; one worker process each."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        committers = {
            kind.name: await asyncio.to_thread(Committer, settings, kind) for kind in (EVENTS, OUTCOMES)
        }
        await asyncio.to_thread(committers[EVENTS.name].check)
        access = Access(settings)
        queues = {
            name: CommitQueue(committer, settings.gateway_max_pending_bytes)
            for name, committer in committers.items()
        }
        app.state.gateway = Gateway(settings, access, queues, IdempotentAnswers(settings))
        noting = asyncio.create_task(_note_last_used(access))
        yield
        for queue in queues.values():
            await queue.end()
        noting.cancel()
        await asyncio.to_thread(access.write_last_used)

    return Starlette(
        routes=[
            _door("/v1/events", "native", native.door_of(EVENTS, "native")),
            _door("/v1/outcomes", "outcomes", native.door_of(OUTCOMES, "outcomes")),
            _door("/v1/traces", "otlp", otlp.post_traces),
            _door("/v1/litellm", "litellm", litellm.post_payloads),
            *(_door(path, "revenium", revenium.door_of(kind)) for path, kind in revenium.PATHS.items()),
            _door("/v1/controls", "controls", ControlsDoor(settings).get_controls, "GET"),
            Route("/v1/key", _key, methods=["GET"]),
            Route("/healthz", _health, methods=["GET"]),
            Route("/readyz", _readiness, methods=["GET"]),
            Route("/metrics", _metrics, methods=["GET"]),
            Route("/openapi.json", get_openapi, methods=["GET"]),
        ],
        exception_handlers={
            ProblemError: problem_response,
            HTTPException: http_error_response,
            Exception: failure_response,
        },
        lifespan=lifespan,
    )


def app_from_environment() -> Starlette:
    """The endpoint of the installation the environment names, for worker processes."""
    return build_app(Settings())


def _door(path: str, door: str, handler: Handler, method: str = "POST") -> Route:
    async def counted(request: Request) -> Response:
        try:
            answer = await handler(request)
        except ProblemError as problem:
            metrics.REQUESTS.labels(door, problem.status.value).inc()
            raise
        metrics.REQUESTS.labels(door, answer.status_code).inc()
        return answer

    return Route(path, counted, methods=[method])


async def _key(request: Request) -> Response:
    """What the sent key is: for `meterhouse doctor` and for programs that want to know before they send."""
    row = await gateway_of(request).access.admit(request, None)
    return JSONResponse({"name": row.name, "masked": row.masked, "scopes": row.scopes})


async def _health(request: Request) -> Response:  # noqa: ARG001
    """The process runs."""
    return JSONResponse({"status": "ok"})


async def _readiness(request: Request) -> Response:
    """Events can be taken: the control database and the landing zone can be reached."""
    gateway = gateway_of(request)
    try:
        if not all(queue.is_alive for queue in gateway.queues.values()):
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "The gateway is being stopped.")
        await asyncio.to_thread(gateway.queues[EVENTS.name].check)
    except MeterhouseError as error:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, error.message) from None
    except SQLAlchemyError:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "The control database cannot be read.") from None
    return JSONResponse({"status": "ready"})


async def _metrics(request: Request) -> Response:
    await admitted(request, Scope.READ)
    return Response(metrics.as_text(), media_type="text/plain; version=0.0.4")


async def _note_last_used(access: Access) -> None:
    while True:
        await asyncio.sleep(_LAST_USED_SECONDS)
        try:
            await asyncio.to_thread(access.write_last_used)
        except (MeterhouseError, SQLAlchemyError):
            logger.warning("When API keys were last used could not be written.")
