"""Request bodies: read within limits, unpacked within limits, cut into items without touching their text.

What belongs here: bytes and limits. What does not: what an item says (`meterhouse/events/`).
"""

import json
import re
import zlib
from collections.abc import Callable
from http import HTTPStatus

import polars as pl
import pyarrow as pa
from starlette.requests import Request

from meterhouse.events.lines import number_lines
from meterhouse.gateway.problems import ProblemError
from meterhouse.settings import Settings

MAX_NESTING = 64
LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")

_GZIP_WINDOW = 31
_KEPT_CHARACTERS = 3000
_PIECE_BYTES = 64 * 1024
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def content_type_of(request: Request) -> str:
    """The media type of the body; JSON when it is not said."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


async def read_body(request: Request, settings: Settings, take: Callable[[int], None]) -> bytes:
    """The body as sent; `take` is told of every piece before it is kept.

    Raises:
        ProblemError: 413 when it is larger than the gateway takes; what `take` raises.
    """
    most = settings.gateway_max_body_bytes
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most, "as sent")
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise _too_large(most, "as sent")
        take(len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def unpacked(body: bytes, encoding: str, settings: Settings) -> bytes:
    """The body without its `Content-Encoding`; never holds more than the limit of it.

    Raises:
        ProblemError: 413 for too much, 415 for an unknown encoding, 400 for a damaged one.
    """
    most = settings.gateway_max_unpacked_bytes
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzipped(body, most)
        case "zstd":
            return _unzstded(body, most)
        case other:
            raise ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"Content-Encoding {other[:40]!r} is not known here; send gzip, zstd or none.",
            )


def items_of_lines(text: bytes) -> pl.DataFrame:
    """The lines of a body of JSON lines that are not blank: `file_line`, `line`, `is_utf8`."""
    return number_lines(text)


def fit(items: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The items with `unfit`: why one cannot be an event whatever it says (which they may bring), NULL otherwise.

    Of an unfit item (too large, too deep, not UTF-8) the line becomes a JSON text that keeps its beginning: a line
    that every reader refuses and none stumbles over.

    Raises:
        ProblemError: 413 when there are too many.
    """
    if "unfit" not in items.columns:
        items = items.with_columns(unfit=pl.lit(None, pl.String))
    if items.height > settings.gateway_max_batch_events:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body holds {items.height} events; send at most {settings.gateway_max_batch_events} at once.",
        )
    most = settings.gateway_max_event_bytes
    suspects = items.filter(
        (pl.col("line").str.len_bytes() > most)
        | (pl.col("line").str.count_matches(r"[\[{]") > MAX_NESTING)
        | ~pl.col("is_utf8")
    )
    faults = {
        row["file_line"]: fault
        for row in suspects.iter_rows(named=True)
        if (fault := _unfit(row["line"], row["is_utf8"], most))
    }
    kept = {
        row["file_line"]: json.dumps(row["line"][:_KEPT_CHARACTERS])
        for row in suspects.iter_rows(named=True)
        if row["file_line"] in faults
    }
    number = pl.col("file_line")
    return items.with_columns(
        line=pl.coalesce(number.replace_strict(kept, default=None, return_dtype=pl.String), "line"),
        unfit=pl.coalesce("unfit", number.replace_strict(faults, default=None, return_dtype=pl.String)),
    )


def _unfit(line: str, is_utf8: bool, most: int) -> str | None:
    if not is_utf8:
        return "the event is not UTF-8; send UTF-8"
    if len(line.encode()) > most:
        return f"the event is larger than {most} bytes; send less of it"
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.finditer(line):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    if deepest > MAX_NESTING:
        return f"the event is nested deeper than {MAX_NESTING} levels; send it flatter"
    return None


def _gunzipped(body: bytes, most: int) -> bytes:
    unpacked, rest = [], body
    size = 0
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            piece = member.decompress(rest, most - size + 1)
        except zlib.error as error:
            raise _damaged("gzip", str(error)) from None
        size += len(piece)
        if size > most:
            raise _too_large(most, "unpacked")
        if not member.eof:
            raise _damaged("gzip", "it is cut off before its end")
        unpacked.append(piece)
        rest = member.unused_data
    return b"".join(unpacked)


def _unzstded(body: bytes, most: int) -> bytes:
    unpacked, size = [], 0
    try:
        with pa.input_stream(pa.BufferReader(body), compression="zstd") as stream:
            while piece := stream.read(min(_PIECE_BYTES, most - size + 1)):
                size += len(piece)
                if size > most:
                    raise _too_large(most, "unpacked")
                unpacked.append(piece)
    except OSError as error:
        raise _damaged("zstd", " ".join(str(error).split())[:100]) from None
    return b"".join(unpacked)


def _too_large(most: int, how: str) -> ProblemError:
    detail = f"The body is larger than {most} bytes {how}; send fewer events at once."
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _damaged(encoding: str, why: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.BAD_REQUEST, f"The {encoding} body is damaged ({why}); send it again whole."
    )
