"""From a file's bytes to records: CSV of any delimiter, gzipped or not, and Parquet.

What belongs here: the formats, and where in the file a record stands. What does not: what its columns mean
(`mapping.py`, `lines.py`).
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.file.mapping import Mapping

MOST_UNPACKED_BYTES = 2**30
"""What a packed file may hold at most: a small one may say that it holds more than any machine has."""
_MEND_FILE = "Write the file again, whole; nothing of this pull was recorded."


@dataclass(frozen=True)
class Records:
    """A file's columns, and its records with the place of each in words."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[str, dict[str, Any]]]


def read_records(name: str, content: bytes, mapping: Mapping) -> Records:
    """The records of a file; values of CSV are text, those of Parquet of its types.

    Raises:
        ProviderError: the file is not what its name says, has no header, or lacks a mapped column; also while
            the rows are read, when one is broken.
    """
    records = _parquet(name, content) if name.lower().endswith(".parquet") else _csv(name, content, mapping)
    _require_columns(name, records.columns, mapping)
    return records


def _csv(name: str, content: bytes, mapping: Mapping) -> Records:
    try:
        raw = _gunzipped(name, content) if name.lower().endswith(".gz") else content
        text = raw.decode(mapping.encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(name, f"it is no whole gzip file ({type(error).__name__})") from None
    except (UnicodeDecodeError, LookupError) as error:
        raise ProviderError(
            Fault.CONTRACT,
            f"{name} is not in the encoding {mapping.encoding} ({type(error).__name__}).",
            "Say the right `encoding` in the mapping, for instance cp1252 or utf-16.",
        ) from None
    is_tabbed = mapping.delimiter == "," and ".tsv" in name.lower()
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if is_tabbed else mapping.delimiter, strict=True
    )
    rows = _csv_rows(name, reader)
    for _ in range(mapping.skip_rows):
        next(rows, None)
    _, header = next(rows, ("", []))
    if not any(header):
        raise _broken(name, "it has no header")
    columns = tuple(column.strip() for column in header)
    return Records(columns, _csv_records(name, columns, rows))


def _gunzipped(name: str, content: bytes) -> bytes:
    """The content without gzip.

    Raises:
        ProviderError: it is too large.
        OSError, EOFError, zlib.error: it is no whole gzip file.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        raw = stream.read(MOST_UNPACKED_BYTES + 1)
    if len(raw) > MOST_UNPACKED_BYTES:
        raise ProviderError(
            Fault.CONTRACT,
            f"{name} holds more than {MOST_UNPACKED_BYTES:,} bytes unpacked.",
            "Split it by days or months; nothing of this pull was recorded.",
        )
    return raw


def _csv_rows(name: str, reader: Any) -> Iterator[tuple[str, list[str]]]:
    """Lines that hold something, each with the number of the line it ends on."""
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _broken(name, f"line {reader.line_num} is no CSV: {error}") from None
        if row is None:
            return
        if any(row):
            yield f"line {reader.line_num}", row


def _csv_records(
    name: str, columns: tuple[str, ...], rows: Iterator[tuple[str, list[str]]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, row in rows:
        if len(row) != len(columns):
            raise _broken(name, f"{place} has {len(row)} fields where the header has {len(columns)}")
        yield place, dict(zip(columns, row, strict=True))


def _parquet(name: str, content: bytes) -> Records:
    try:
        file = pq.ParquetFile(pa.BufferReader(content))
    except (OSError, pa.ArrowException) as error:
        raise _broken(name, f"it is no whole Parquet file ({type(error).__name__})") from None
    return Records(tuple(file.schema_arrow.names), _parquet_rows(name, file))


def _parquet_rows(name: str, file: pq.ParquetFile) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 0
    try:
        for batch in file.iter_batches():
            for record in batch.to_pylist():
                number += 1
                yield f"row {number}", record
    except (OSError, pa.ArrowException) as error:
        raise _broken(name, f"its rows after {number} cannot be read ({type(error).__name__})") from None


def _require_columns(name: str, columns: tuple[str, ...], mapping: Mapping) -> None:
    named = mapping.columns()
    missing = [column for column, is_needed in named.items() if is_needed and column not in columns]
    twice = [column for column in named if columns.count(column) > 1]
    if not missing and not twice:
        return
    words = [f"lacks the column {column!r}" for column in missing] + [
        f"has the column {column!r} twice" for column in twice
    ]
    raise ProviderError(
        Fault.CONTRACT,
        f"{name} {' and '.join(words)}; its header is {', '.join(map(repr, columns))[:300]}.",
        "Correct the names in the mapping, its `delimiter` or `skip_rows`, or take the file away.",
    )


def _broken(name: str, why: str) -> ProviderError:
    return ProviderError(Fault.CONTRACT, f"{name} cannot be read: {why}.", _MEND_FILE)
