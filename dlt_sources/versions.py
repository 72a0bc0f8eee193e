"""A day's content: its hash, and its rows as typed Arrow that carry it (decision 1).

What belongs here: what makes two days the same content, and how rows become columns. What does not: dlt
(`source.py`), and how rows are fetched.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt_sources.contract import Columns, Day, Row

CHUNK_ROWS = 10_000
_HASH_BYTES = 32
_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
_DAY_COLUMNS: Columns = {
    "connection_id": {"data_type": "text", "nullable": False},
    "day": {"data_type": "date", "nullable": False},
    "content_hash": {"data_type": "text", "nullable": False},
    "row_id": {"data_type": "text", "nullable": False},
}


@dataclass(frozen=True)
class DayVersion:
    """The content of one day of a report of a connection."""

    connection_id: str
    report: str
    day: Day
    content_hash: str
    """Over the rows in an order of their own and without what is null, so that neither the order of an answer
    nor a new field that is always null makes a new version."""
    places: pa.Array
    """Each row's place in that order, which tells apart rows that are alike."""

    @property
    def row_count(self) -> int:
        """How many rows the day has."""
        return len(self.places)

    def tables(self, columns: Columns) -> Iterator[pa.Table]:
        """The rows as loaded, some thousand in a table; `columns` are those of `report_columns`."""
        day = self.day.day
        version_id = _sha256(self.connection_id, self.report, day.isoformat(), self.content_hash)
        stamp = {"connection_id": self.connection_id, "day": day, "content_hash": self.content_hash}
        at = 0
        for rows in _chunks(self.day.rows):
            places = self.places.slice(at, len(rows)).cast(pa.string())
            row_ids = pc.binary_join_element_wise(version_id, places, "-")
            yield _table(rows, columns, stamp, {"row_id": row_ids})
            at += len(rows)
        if at != self.row_count:
            raise RuntimeError(f"The rows of `{self.report}` on {day} were {self.row_count} and then {at}.")


def day_version(connection_id: str, report: str, day: Day) -> DayVersion:
    """The version that a day's rows are: they are read once here, and 32 bytes of each are kept."""
    hashes = bytearray()
    for row in day.rows:
        sent = {name: value for name, value in row.items() if value is not None}
        hashes += hashlib.sha256(_canonical(sent)).digest()
    count = len(hashes) // _HASH_BYTES
    found = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_HASH_BYTES), count, [None, pa.py_buffer(hashes)])
    order = pc.array_sort_indices(found).cast(pa.int64())
    ordered = found.take(order).buffers()[1]
    content_hash = hashlib.sha256(ordered.slice(0, len(hashes))).hexdigest()
    return DayVersion(connection_id, report, day, content_hash, pc.inverse_permutation(order))


def report_columns(columns: Columns) -> Columns:
    """Columns of a report's raw table: what says which version a row belongs to, then the report's own."""
    return {**_DAY_COLUMNS, **columns}


def empty_table(columns: Columns) -> pa.Table:
    """The columns with no row."""
    return _table([], columns, {}, {})


def stamped_tables(rows: Iterable[Row], columns: Columns, stamp: Row) -> Iterator[pa.Table]:
    """Rows with the same `stamp` on each, some thousand in a table."""
    for chunk in _chunks(rows):
        yield _table(chunk, columns, stamp, {})


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        yield chunk


def _table(rows: list[Row], columns: Columns, stamp: Row, made: Mapping[str, pa.Array]) -> pa.Table:
    """Columns of their hinted types, and as text those that have no hint: they are not documented."""
    undocumented = sorted(set[str]().union(*rows) - columns.keys())
    fields, arrays = [], []
    for name in (*columns, *undocumented):
        hint = columns.get(name, {})
        kind = _TYPES[hint.get("data_type", "text")]
        fields.append(pa.field(name, kind, hint.get("nullable", True)))
        if name in made:
            arrays.append(made[name])
        elif name in stamp:
            arrays.append(pa.repeat(pa.scalar(stamp[name], kind), len(rows)))
        else:
            arrays.append(_array([row.get(name) for row in rows], kind))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pa.array(values, kind)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def _canonical(value: Any) -> bytes:
    return _encode(value).encode()


def _sha256(*parts: str) -> str:
    return hashlib.sha256(_canonical(parts)).hexdigest()
