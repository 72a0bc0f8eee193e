"""Faults that a provider's server shows when told to.

What belongs here: the switches, and answering in the provider's stead. What does not: a provider's error
bodies, which its own module gives; restated books (`World.restated`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.world import World

Refusal = Callable[[int], Response]
"""A provider's answer with its own error body for a status: 401, 429 or 500."""


class EndlessPaging(StrEnum):
    """How a report never ends: with the cursor just sent, or with ever new ones."""

    SAME_CURSOR = "same_cursor"
    NEW_CURSORS = "new_cursors"


@dataclass
class Faults:
    """Switches of one server; set them at any time, they hold from the next request on."""

    rate_limited_requests: int = 0
    """How many of the next requests are answered 429."""
    retry_after_seconds: int | None = 1
    """`Retry-After` of those answers; None leaves the header out."""
    failing_requests: int = 0
    """How many of the next requests are answered 500."""
    key_expires_after: int | None = None
    """How many more requests are answered before the key has expired (401)."""
    endless_paging: EndlessPaging | None = None
    delay_seconds: float = 0.0
    extra_fields: dict[str, Any] = field(default_factory=dict)
    """Fields added to every result row, as providers do unannounced."""


@dataclass
class Desk:
    """What one account's server works from; put another world in to restate its books."""

    world: World
    account: str
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


class FaultDesk(Protocol):
    """The part of a desk that faults need, whatever records a provider's server works from."""

    faults: Faults
    requests: list[str]


class FaultyServer:
    """ASGI application that shows the desk's faults before it lets the provider's application answer."""

    def __init__(self, app: ASGIApp, desk: FaultDesk, refuse: Refusal) -> None:
        self._app = app
        self._desk = desk
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        url = Request(scope).url
        self._desk.requests.append(f"{url.path}?{url.query}")
        await asyncio.sleep(self._desk.faults.delay_seconds)
        refusal = self._refusal(self._desk.faults)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, faults: Faults) -> Response | None:
        if faults.rate_limited_requests > 0:
            faults.rate_limited_requests -= 1
            response = self._refuse(429)
            if faults.retry_after_seconds is not None:
                response.headers["retry-after"] = str(faults.retry_after_seconds)
            return response
        if faults.failing_requests > 0:
            faults.failing_requests -= 1
            return self._refuse(500)
        if faults.key_expires_after is not None:
            faults.key_expires_after -= 1
            if faults.key_expires_after < 0:
                return self._refuse(401)
        return None
