"""Makes event files for the tests: events as dicts, packed in every format a landing zone may hold."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from meterhouse.events.landing import LandingFile
from meterhouse.events.reader import FileReading, read_content
from meterhouse.events.schema import EVENT_SCHEMA

HOUR = "2026-11-23T10"
FOLDER = "events/date=2026-11-23/hour=10"
ARRIVED = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 12, tzinfo=UTC)
FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "parquet")


def event(number: int = 1, **fields) -> dict:
    """A good event; fields given as None are left out."""
    base = {
        "event_id": f"event-{number}",
        "provider": "openai",
        "model": "gpt-4o",
        "started_at": "2026-11-23T09:30:00.123456Z",
        "input_tokens": 1000 + number,
        "output_tokens": 10,
    }
    return {name: value for name, value in (base | fields).items() if value is not None}


def jsonl(*events: dict) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in events)


def pack(events: list[dict], file_format: str) -> bytes:
    """The events as the content of a landing file."""
    if file_format == "parquet":
        return _parquet(events)
    if file_format == "jsonl.zst":
        return pa.compress(jsonl(*events), codec="zstd", asbytes=True)
    return gzip.compress(jsonl(*events)) if file_format == "jsonl.gz" else jsonl(*events)


def read(content: bytes, name: str = "a.jsonl", now: datetime = LATER) -> FileReading:
    file = LandingFile(f"{FOLDER}/{name}", HOUR, len(content), ARRIVED)
    return read_content(file, content, settle_seconds=120, now=now)


def reason_of(line: bytes) -> str:
    """Why a line between two good ones is rejected; checks that it is counted and costs nobody else."""
    reading = read(jsonl(event(1)) + line + b"\n" + jsonl(event(2)))
    assert reading.events["file_line"].to_pylist() == [1, 3]
    (reject,) = reading.rejects.to_pylist()
    assert (reject["file_line"], reading.line_count) == (2, 3)
    assert "\n" not in reject["reason"]
    return reject["reason"]


def _parquet(events: list[dict]) -> bytes:
    columns = {}
    for field in EVENT_SCHEMA:
        if any(field.name in one for one in events):
            columns[field.name] = pa.array([_typed(field, one.get(field.name)) for one in events], field.type)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def _typed(field: pa.Field, value: object) -> object:
    if value is None:
        return None
    if pa.types.is_decimal(field.type):
        return Decimal(str(value))
    if pa.types.is_timestamp(field.type):
        return datetime.fromisoformat(str(value))
    return json.dumps(value) if isinstance(value, dict) else value
