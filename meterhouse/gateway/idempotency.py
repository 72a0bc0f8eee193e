"""`Idempotency-Key`: the same key with the same body gets its first answer again (contract revenium-and-peers §1.3).

Answers are kept for 24 hours per API key, in the control database, after what they acknowledge is on disk. What does
not belong here: events counting once, which their ids do.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from sqlalchemy import delete
from starlette.requests import Request
from starlette.responses import JSONResponse

from meterhouse.control.database import reading, session
from meterhouse.control.tables import IdempotentAnswerRow
from meterhouse.gateway.problems import ProblemError
from meterhouse.settings import Settings

KEPT = timedelta(hours=24)

_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")


@dataclass
class Turn:
    """One request with a key: the answer given before, or a place for the one to give now."""

    key: str
    key_hash: bytes
    body_hash: bytes
    before: JSONResponse | None = None
    status: int | None = None
    answer: dict[str, Any] | None = None


class IdempotentAnswers:
    """The answers of this installation, and the keys this process has in hand."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_hand: set[bytes] = set()

    @asynccontextmanager
    async def turn(self, request: Request, api_key_id: str, body: bytes) -> AsyncIterator[Turn | None]:
        """The turn of a request; None without a key. An answer set in the block is kept at its end.

        Raises:
            ProblemError: 400 for a malformed key; 409 for one with another body, or whose first request is in hand.
        """
        key = request.headers.get("idempotency-key")
        if key is None:
            yield None
            return
        if not _KEY.fullmatch(key):
            detail = "Idempotency-Key must be 1 to 255 printable ASCII characters."
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail, code="idempotency_key_malformed")
        turn = Turn(key, _hash(api_key_id.encode(), key.encode()), _hash(request.url.path.encode(), body))
        if turn.key_hash in self._in_hand:
            detail = "The first request with this Idempotency-Key is still in hand."
            raise ProblemError(HTTPStatus.CONFLICT, detail, 1, code="idempotency_key_in_progress")
        self._in_hand.add(turn.key_hash)
        try:
            turn.before = await asyncio.to_thread(self._before, turn)
            yield turn
            if turn.answer is not None:
                await asyncio.to_thread(self._keep, turn)
        finally:
            self._in_hand.discard(turn.key_hash)

    def _before(self, turn: Turn) -> JSONResponse | None:
        with reading(self._settings) as opened:
            row = opened.get(IdempotentAnswerRow, turn.key_hash)
        if row is None or datetime.now(UTC) - row.created_at > KEPT:
            return None
        if row.body_hash != turn.body_hash:
            detail = "This Idempotency-Key came with another body before."
            raise ProblemError(HTTPStatus.CONFLICT, detail, code="idempotency_key_mismatch")
        return JSONResponse(row.answer, row.status)

    def _keep(self, turn: Turn) -> None:
        now = datetime.now(UTC)
        with session(self._settings) as opened:
            opened.execute(delete(IdempotentAnswerRow).where(IdempotentAnswerRow.created_at < now - KEPT))
            opened.merge(
                IdempotentAnswerRow(
                    key_hash=turn.key_hash,
                    body_hash=turn.body_hash,
                    status=turn.status,
                    answer=turn.answer,
                    created_at=now,
                )
            )


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(parts)).digest()
