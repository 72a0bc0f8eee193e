"""Rows of days on their way into the warehouse, in memory while they are few and on disk when they are not.

What belongs here: holding the rows of an answer until its last page was read, in bounded memory. What does
not: which day a row belongs to (`buckets.py`), what a day's content is worth (`versions.py`).
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa

from dlt_sources.contract import Row

HELD_ROWS = 20_000
"""How many rows of all days together stay in memory."""


@dataclass(frozen=True)
class _Part:
    """Where consecutive rows of one day lie in the file."""

    offset: int
    packed_bytes: int
    bytes: int


class Spool:
    """Rows by day, each day in the order in which its rows came.

    The file, if one is needed, has no name: it is gone with the process, however that ends.
    """

    def __init__(self, held_rows: int = HELD_ROWS) -> None:
        self._most = held_rows
        self._codec = pa.Codec("zstd")
        self._held: defaultdict[date, list[Row]] = defaultdict(list)
        self._held_count = 0
        self._parts: defaultdict[date, list[_Part]] = defaultdict(list)
        self._written_counts: defaultdict[date, int] = defaultdict(int)
        self._file: IO[bytes] | None = None

    def put(self, day: date, rows: Iterable[Row]) -> None:
        """Add rows to a day."""
        for row in rows:
            self._held[day].append(row)
            self._held_count += 1
            if self._held_count >= self._most:
                self._write_out()

    def rows(self, day: date) -> Collection[Row]:
        """All rows of a day; read them as often as you like, once the last one was put."""
        return SpooledRows(self, day) if day in self._parts else self._held[day]

    def count(self, day: date) -> int:
        """How many rows a day has."""
        return self._written_counts[day] + len(self._held[day])

    def read(self, day: date) -> Iterator[Row]:
        """The rows of a day, from disk and then from memory."""
        for part in self._parts[day]:
            yield from self._load(part)
        yield from self._held[day]

    def _write_out(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 (open as long as the spool)
        for day, rows in self._held.items():
            content = json.dumps(rows).encode()
            packed = self._codec.compress(content, asbytes=True)
            offset = self._file.seek(0, 2)
            self._file.write(packed)
            self._parts[day].append(_Part(offset, len(packed), len(content)))
            self._written_counts[day] += len(rows)
        self._held.clear()
        self._held_count = 0

    def _load(self, part: _Part) -> list[Row]:
        assert self._file is not None
        self._file.seek(part.offset)
        packed = self._file.read(part.packed_bytes)
        rows: list[Row] = json.loads(self._codec.decompress(packed, part.bytes, asbytes=True))
        return rows


class SpooledRows(Collection[Row]):
    """The rows of one day of a spool."""

    def __init__(self, spool: Spool, day: date) -> None:
        self._spool, self._day = spool, day

    def __iter__(self) -> Iterator[Row]:
        return self._spool.read(self._day)

    def __len__(self) -> int:
        return self._spool.count(self._day)

    def __contains__(self, row: object) -> bool:
        return any(row == own for own in self)
