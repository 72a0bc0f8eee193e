"""`GET /v1/controls`: the cost controls in force now, for programs that look before they call a provider.

What belongs here: the answer, its tag, and how often the ledger is asked. What does not: what is in force
(`alerts/controls.py`).
"""

import asyncio
import hashlib
import json
import time
from datetime import UTC, datetime
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from meterhouse.alerts.controls import in_force
from meterhouse.errors import MeterhouseError
from meterhouse.gateway.doors.entry import admitted
from meterhouse.gateway.problems import ProblemError
from meterhouse.settings import Settings

_FRESH_SECONDS = 1.0
"""The ledger is asked no more often than this, by each worker process, however many programs ask it."""
_RETRY_AFTER_SECONDS = 10


class ControlsDoor:
    """The door, and its newest answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._compiled_at = 0.0
        self._body = b""
        self._tag = ""

    async def get_controls(self, request: Request) -> Response:
        """Answer 200 with all of it, or 304 to who has it already.

        Raises:
            ProblemError: The key may not pass, or what is in force cannot be known now.
        """
        await admitted(request)
        async with self._turn:
            if not self._tag or time.monotonic() >= self._compiled_at + _FRESH_SECONDS:
                await self._compile()
            body, tag = self._body, self._tag
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        known = request.headers.get("if-none-match", "")
        if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return Response(body, headers=headers, media_type="application/json")

    async def _compile(self) -> None:
        now = time.monotonic()
        try:
            controls = await asyncio.to_thread(in_force, self._settings, datetime.now(UTC))
        except (MeterhouseError, SQLAlchemyError) as error:
            cause = error.message.splitlines()[0] if isinstance(error, MeterhouseError) else "the database"
            detail = f"The controls in force cannot be known now: {cause}"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, _RETRY_AFTER_SECONDS) from None
        body = json.dumps({"controls": [control.as_answer() for control in controls]}).encode()
        self._compiled_at, self._body = now, body
        self._tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
