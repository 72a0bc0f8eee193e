"""`POST /v1/events`: events in the native form: one JSON object, an array of them, or JSON lines.

What belongs here: this door's words, as docs/gateway.md promises them. A CloudEvents envelope is unwrapped.
"""

import json
from http import HTTPStatus

import polars as pl
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from meterhouse.events.dialects import cloudevents
from meterhouse.events.dialects.foreign import Item
from meterhouse.events.items import items_of_json
from meterhouse.gateway.bodies import LINES_TYPES, content_type_of, items_of_lines
from meterhouse.gateway.commit import Status
from meterhouse.gateway.doors.entry import admitted, items_from, verdicts_on
from meterhouse.gateway.problems import ProblemError

KEPT = (Status.ACCEPTED, Status.DUPLICATE)


async def post_events(request: Request) -> Response:
    """Take events in; answers per item, or with the item's own status code for a single object."""
    await admitted(request)
    content_type = content_type_of(request)
    is_single = False

    def items_of(body: bytes) -> pl.DataFrame:
        nonlocal is_single
        if content_type in LINES_TYPES:
            return _unwrapped(items_of_lines(body))
        is_single = not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
        return _unwrapped(items_from(map(Item, items_of_json(body))))

    verdicts = await verdicts_on(request, "native", "http", items_of)
    if verdicts.is_empty():
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "The body holds no event; send a JSON object, an array or lines."
        )
    is_brief = "return=minimal" in request.headers.get("prefer", "")
    return _single_answer(verdicts) if is_single else batch_answer(verdicts, is_brief)


def _unwrapped(items: pl.DataFrame) -> pl.DataFrame:
    is_envelope = pl.col("line").str.contains('"specversion"', literal=True)
    if not items.select(is_envelope.any()).item():
        return items
    return items.with_columns(
        line=pl.when(is_envelope)
        .then(pl.col("line").map_elements(cloudevents.unwrapped, return_dtype=pl.String))
        .otherwise("line")
    )


def _single_answer(verdicts: pl.DataFrame) -> Response:
    (verdict,) = verdicts.iter_rows(named=True)
    status, event_id = Status(verdict["status"]), verdict["event_id"]
    if status in KEPT:
        return JSONResponse(
            {"event_id": event_id, "status": status, "warnings": _warnings(verdicts)}, HTTPStatus.OK
        )
    code = HTTPStatus.CONFLICT if status is Status.CONFLICT else HTTPStatus.UNPROCESSABLE_ENTITY
    return ProblemError(code, verdict["reason"], event_id=event_id, item_status=status).response()


def batch_answer(verdicts: pl.DataFrame, is_brief: bool) -> Response:
    """Counts, and a verdict per item; of a brief one only for those that were refused."""
    is_refused = ~pl.col("status").is_in([status.value for status in KEPT])
    numbered = verdicts.with_row_index("index")
    shown = numbered.filter(is_refused) if is_brief else numbered
    items = shown.select("index", "event_id", "status", "reason").write_json()
    counts = dict(verdicts["status"].value_counts().rows())
    head = {
        "events": verdicts.height,
        "accepted": counts.get(Status.ACCEPTED, 0),
        "duplicates": counts.get(Status.DUPLICATE, 0),
        "rejected": counts.get(Status.REJECTED, 0) + counts.get(Status.CONFLICT, 0),
        "warnings": _warnings(verdicts),
    }
    content = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "items": {items}}}'
    return Response(content, HTTPStatus.OK, media_type="application/json")


def _warnings(verdicts: pl.DataFrame) -> list[str]:
    """One sentence that names every field no event has; they are kept under `metadata`."""
    kept = verdicts.filter(pl.col("status") != Status.REJECTED)
    names = kept["unknown_fields"].explode().drop_nulls().unique().sort().to_list()
    if not names:
        return []
    shown = ", ".join(name[:80] for name in names[:50])
    return [f"Kept under metadata, because no event has such a field: {shown}."]
