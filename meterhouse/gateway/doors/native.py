"""`POST /v1/events` and `/v1/outcomes`: records in the native form: a JSON object, an array of them, or JSON lines.

What belongs here: these doors' words, as docs/gateway.md promises. An event in a CloudEvents envelope is unwrapped.
"""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from meterhouse.events.dialects import cloudevents
from meterhouse.events.dialects.foreign import Item
from meterhouse.events.items import items_of_json
from meterhouse.events.kinds import EVENTS, RecordKind
from meterhouse.gateway.bodies import LINES_TYPES, content_type_of, items_of_lines
from meterhouse.gateway.commit import Status
from meterhouse.gateway.doors.entry import admitted, items_from, verdicts_on
from meterhouse.gateway.problems import ProblemError

KEPT = (Status.ACCEPTED, Status.DUPLICATE)
_NO_PROMPTS = (
    "Prompts were left out, because this installation does not keep them: METERHOUSE_PROMPTS=on would. "
    "The events are as they should be."
)


def door_of(kind: RecordKind, door: str) -> Callable[[Request], Awaitable[Response]]:
    """Takes records of a kind in; answers per item, or with the item's own status code for a single object."""

    async def post(request: Request) -> Response:
        await admitted(request)
        return await _answer(request, kind, door)

    return post


async def _answer(request: Request, kind: RecordKind, door: str) -> Response:
    content_type = content_type_of(request)
    unwrap = _unwrapped if kind is EVENTS else _as_it_is
    is_single = False

    def items_of(body: bytes) -> pl.DataFrame:
        nonlocal is_single
        if content_type in LINES_TYPES:
            return unwrap(items_of_lines(body))
        is_single = not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        return unwrap(items_from(map(Item, items_of_json(body))))

    verdicts = await verdicts_on(request, door, "http", items_of, kind=kind)
    if verdicts.is_empty():
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"The body holds no {kind.noun}; send a JSON object, an array or lines."
        )
    is_brief = "return=minimal" in request.headers.get("prefer", "")
    return _single_answer(verdicts, kind) if is_single else batch_answer(verdicts, is_brief, kind)


def _unwrapped(items: pl.DataFrame) -> pl.DataFrame:
    is_envelope = pl.col("line").str.contains('"specversion"', literal=True)
    if not items.select(is_envelope.any()).item():
        return items
    return items.with_columns(
        line=pl.when(is_envelope)
        .then(pl.col("line").map_elements(cloudevents.unwrapped, return_dtype=pl.String))
        .otherwise("line")
    )


def _as_it_is(items: pl.DataFrame) -> pl.DataFrame:
    return items


def _single_answer(verdicts: pl.DataFrame, kind: RecordKind) -> Response:
    (verdict,) = verdicts.iter_rows(named=True)
    status, named = Status(verdict["status"]), {kind.id_field: verdict["id"]}
    if status in KEPT:
        return JSONResponse({**named, "status": status, "warnings": _warnings(verdicts, kind)}, HTTPStatus.OK)
    code = HTTPStatus.CONFLICT if status is Status.CONFLICT else HTTPStatus.UNPROCESSABLE_ENTITY
    return ProblemError(code, verdict["reason"], item_status=status, **named).response()


def batch_answer(verdicts: pl.DataFrame, is_brief: bool, kind: RecordKind = EVENTS) -> Response:
    """Counts, and a verdict per item; of a brief one only for those that were refused."""
    is_refused = ~pl.col("status").is_in([status.value for status in KEPT])
    numbered = verdicts.with_row_index("index")
    shown = numbered.filter(is_refused) if is_brief else numbered
    items = shown.select("index", pl.col("id").alias(kind.id_field), "status", "reason").write_json()
    counts = dict(verdicts["status"].value_counts().rows())
    head = {
        kind.name: verdicts.height,
        "accepted": counts.get(Status.ACCEPTED, 0),
        "duplicates": counts.get(Status.DUPLICATE, 0),
        "rejected": counts.get(Status.REJECTED, 0) + counts.get(Status.CONFLICT, 0),
        "warnings": _warnings(verdicts, kind),
    }
    content = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "items": {items}}}'
    return Response(content, HTTPStatus.OK, media_type="application/json")


def _warnings(verdicts: pl.DataFrame, kind: RecordKind) -> list[str]:
    """One sentence that names every field no record of the kind has, and one that says prompts were left out."""
    kept = verdicts.filter(pl.col("status") != Status.REJECTED)
    names = kept["unknown_fields"].explode().drop_nulls().unique().sort().to_list()
    warnings = []
    if names:
        shown = ", ".join(name[:80] for name in names[:50])
        warnings.append(f"Kept under metadata, because no {kind.noun} has such a field: {shown}.")
    if kept["has_lost_prompts"].any():
        warnings.append(_NO_PROMPTS)
    return warnings
