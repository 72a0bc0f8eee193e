"""`/meter/…`: Revenium's metering API, for programs that use its published SDK with another base URL.

What belongs here: its paths, its answers, its idempotency (contract revenium-and-peers §1.3). What a payload means is
in the dialect. Unlike there, nothing is accepted in silence: what cannot be an event is a 422 and a kept reject.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from uuid_utils import uuid7

from meterhouse.events.dialects import revenium
from meterhouse.events.dialects.foreign import NativeEvent, event_of, native_items
from meterhouse.events.kinds import EVENTS
from meterhouse.gateway.bodies import read_body
from meterhouse.gateway.commit import Status
from meterhouse.gateway.doors.entry import admitted, gateway_of, items_from, verdicts_on
from meterhouse.gateway.doors.native import KEPT
from meterhouse.gateway.idempotency import Turn
from meterhouse.gateway.problems import ProblemError

PATHS = {
    "/meter/v2/ai/completions": "completion",
    "/meter/v2/ai/images": "image",
    "/meter/v2/ai/audio": "audio",
    "/meter/v2/ai/video": "video",
    "/meter/v2/tool/events": "tool",
    "/meter/v2/events": "event",
}


def door_of(kind: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler of one kind of payload."""
    return partial(_post, kind=kind)


async def _post(request: Request, kind: str) -> Response:
    key = await admitted(request)
    gateway = gateway_of(request)
    with gateway.queues[EVENTS.name].room() as take:
        body = await read_body(request, gateway.settings, take)
    async with gateway.answers.turn(request, key.id, body) as turn:
        if turn is not None and turn.before is not None:
            return turn.before
        event_id = f"idempotency:{turn.key_hash.hex()}" if turn else f"revenium:{uuid7()}"
        items_of = partial(_items, kind=kind, event_id=event_id)
        verdicts = await verdicts_on(request, "revenium", "revenium", items_of, body)
        return _answer(verdicts, body, turn)


def _items(body: bytes, kind: str, event_id: str) -> pl.DataFrame:
    """The one payload of a request; without a transaction id it gets the one given.

    A plain event says no time: it counts in the hour it came in, so that the same again is the same.
    """
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0).isoformat()

    def read(payload: dict[str, Any]) -> NativeEvent:
        event = {"event_id": event_id, **revenium.event_of(payload, kind)}
        if kind == "event" and event["started_at"] is None:
            event["started_at"] = this_hour
        return event

    text = body.decode("utf-8", "replace").replace("\n", " ").replace("\r", " ")
    return items_from(native_items(text, lambda document: iter([event_of(document, read)])))


def _answer(verdicts: pl.DataFrame, body: bytes, turn: Turn | None) -> Response:
    (verdict,) = verdicts.iter_rows(named=True)
    if verdict["status"] not in KEPT:
        code = (
            HTTPStatus.CONFLICT if verdict["status"] == Status.CONFLICT else HTTPStatus.UNPROCESSABLE_ENTITY
        )
        raise ProblemError(code, verdict["reason"], transactionId=verdict["id"])
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    answer = {
        "id": hashlib.sha256(verdict["id"].encode()).hexdigest()[:32],
        "label": verdict["id"],
        "resourceType": "metering",
        "signature": hashlib.sha256(body).hexdigest(),
        "created": now,
        "updated": now,
    }
    if turn is not None:
        turn.status, turn.answer = HTTPStatus.CREATED.value, answer
    return JSONResponse(answer, HTTPStatus.CREATED)
