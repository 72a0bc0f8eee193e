"""Who may pass: the check of a request's API key, its scope and its rate.

A key is looked up in the control database for every request, with no cache that could serve a dead key; requests that
arrive while a lookup runs share the next one, which begins after they arrived. What does not belong here: making and
ending keys (`keys.py`).
"""

import asyncio
import hmac
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from meterhouse.control.database import reading, session
from meterhouse.control.tables import ApiKeyRow
from meterhouse.errors import MeterhouseError
from meterhouse.gateway import keys
from meterhouse.gateway.keys import Scope
from meterhouse.gateway.problems import ProblemError
from meterhouse.settings import Settings

_NO_KEY = (
    "No API key was sent; send `Authorization: Bearer mh_...` or `x-api-key: mh_...`. "
    "`meterhouse keys create NAME` makes one."
)
_WRONG_KEY = "The API key is not valid: unknown, regenerated, revoked or expired. See `meterhouse keys list`."


@dataclass
class _Bucket:
    """Requests a key may make now, and as of when."""

    tokens: float
    at: float


class Access:
    """The keys of the installation as this process asks for them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hash_key: bytes | None = None
        self._waiting: list[tuple[str, asyncio.Future[ApiKeyRow | None]]] = []
        self._lookups: asyncio.Task[None] | None = None
        self._buckets: dict[str, _Bucket] = {}
        self._used: dict[str, datetime] = {}

    async def admit(self, request: Request, scope: Scope | None) -> ApiKeyRow:
        """The key of the request, which has the scope (None: any) and is within its rate.

        Raises:
            ProblemError: 401 for no or a wrong key, 403 for one without the scope, 429 for too many requests, 503 when
                keys cannot be looked up.
        """
        key = _sent_key(request)
        if key is None:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, _NO_KEY)
        row = await self._found(key)
        if row is None:
            raise ProblemError(HTTPStatus.UNAUTHORIZED, _WRONG_KEY)
        if scope is not None and scope not in row.scopes:
            raise ProblemError(
                HTTPStatus.FORBIDDEN, f"The key {row.name!r} may not {scope}; use one with that scope."
            )
        self._limit(row)
        self._used[row.id] = datetime.now(UTC)
        return row

    def write_last_used(self) -> None:
        """Write when keys were last used: one statement per key used since the last time, in one transaction."""
        used, self._used = self._used, {}
        if not used:
            return
        with session(self._settings) as opened:
            for key_row_id, at in used.items():
                opened.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_row_id).values(last_used_at=at))

    async def _found(self, key: str) -> ApiKeyRow | None:
        public = keys.public_part(key)
        if public is None:
            return None
        answer: asyncio.Future[ApiKeyRow | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((public, answer))
        if self._lookups is None or self._lookups.done():
            self._lookups = asyncio.create_task(self._serve_lookups())
        row = await answer
        is_right = (
            row is not None
            and self._hash_key is not None
            and hmac.compare_digest(row.key_hash, keys.key_hash(self._hash_key, key))
            and row.revoked_at is None
            and (row.expires_at is None or row.expires_at > datetime.now(UTC))
        )
        return row if is_right else None

    async def _serve_lookups(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            try:
                rows = await asyncio.to_thread(self._look_up, {public for public, _ in asked})
            except (MeterhouseError, SQLAlchemyError):
                detail = "API keys cannot be looked up now; nothing is acknowledged, send this again."
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, 2))
                continue
            for public, answer in asked:
                if not answer.done():
                    answer.set_result(rows.get(public))

    def _look_up(self, public_parts: set[str]) -> dict[str, ApiKeyRow]:
        if self._hash_key is None:
            self._hash_key = keys.hash_key_of(self._settings)
        with reading(self._settings) as opened:
            rows = opened.scalars(select(ApiKeyRow).where(ApiKeyRow.key_id.in_(public_parts)))
            return {row.key_id: row for row in rows}

    def _limit(self, row: ApiKeyRow) -> None:
        if row.requests_per_minute is None:
            return
        now, most = time.monotonic(), float(row.requests_per_minute)
        bucket = self._buckets.setdefault(row.id, _Bucket(most, now))
        bucket.tokens = min(most, bucket.tokens + (now - bucket.at) * most / 60)
        bucket.at = now
        if bucket.tokens < 1:
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"The key {row.name!r} may make {row.requests_per_minute} requests a minute.",
                math.ceil((1 - bucket.tokens) * 60 / most),
            )
        bucket.tokens -= 1


def _sent_key(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("x-api-key") or None
