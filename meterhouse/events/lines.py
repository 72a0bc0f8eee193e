"""The lines of an event file: from bytes, packed or not, to numbered text.

What belongs here: unpacking, what can be saved from a broken file, line numbers, UTF-8. What does not: what
stands in a line (`dialects/`), or whether it is a good event (`checks.py`).
"""

import zlib
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from meterhouse.events.kinds import EVENTS, RecordKind

MOST_UNPACKED_BYTES = 2**30
"""What a file may hold at most, unpacked: a small one may say that it holds more than any machine has."""
_GZIP_WINDOW = 31
_PIECE_BYTES = 4096
_PIECE_ROWS = 1024
_TOO_LARGE = f"it holds more than {MOST_UNPACKED_BYTES:,} bytes unpacked and must be split"


@dataclass(frozen=True)
class Lines:
    """The lines of one file that are not blank.

    `table` has `file_line` (from 1), `line` and `is_utf8`. `damage` says what is broken about the file as a
    whole, `tail` is the cut-off text after its last whole line. `ends_whole` is false when the last line has
    no line end, as in a file that is still being written.
    """

    table: pl.DataFrame
    damage: str | None = None
    tail: str | None = None
    ends_whole: bool = True


def read_lines(
    url: str, content: bytes, connection: duckdb.DuckDBPyConnection, kind: RecordKind = EVENTS
) -> Lines:
    """Lines of a `.jsonl[.gz|.zst]` or `.parquet` file; a Parquet row becomes a JSON line."""
    if url.endswith(".parquet"):
        return _parquet_lines(content, connection, kind)
    text, damage = unpack(url, content)
    if damage is None:
        return Lines(number_lines(text), ends_whole=text.endswith(b"\n") or not text)
    whole, _, tail = text.rpartition(b"\n")
    return Lines(number_lines(whole), damage, tail.decode("utf-8", "replace") or None)


def unpack(url: str, content: bytes) -> tuple[bytes, str | None]:
    """The text of a file, unpacked as its name says, and what is broken about it; nothing of one that is too large."""
    try:
        if url.endswith(".gz"):
            return _unpack_gzip(content)
        if url.endswith(".zst"):
            return _unpack_zstd(content)
    except _TooLargeError:
        return b"", _TOO_LARGE
    return content, None


class _TooLargeError(Exception):
    """A file holds more than `MOST_UNPACKED_BYTES`."""


class _Pieces(list[bytes]):
    """What was unpacked so far; a piece that makes it too large raises `_TooLargeError`."""

    size = 0

    def append(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MOST_UNPACKED_BYTES:
            raise _TooLargeError
        super().append(piece)


def _unpack_gzip(content: bytes) -> tuple[bytes, str | None]:
    """Unpack all members; of a broken one, everything before the first byte that cannot be unpacked."""
    unpacked = _Pieces()
    rest = content
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            unpacked.append(member.decompress(rest, MOST_UNPACKED_BYTES - unpacked.size + 1))
        except zlib.error as error:
            _salvage_gzip(rest, unpacked)
            return b"".join(unpacked), f"the gzip stream is damaged ({error})"
        if not member.eof:
            return b"".join(unpacked), "the gzip stream is cut off before its end"
        rest = member.unused_data.lstrip(b"\0")
    return b"".join(unpacked), None if content else "the gzip stream is empty"


def _salvage_gzip(content: bytes, saved: _Pieces) -> None:
    member = zlib.decompressobj(_GZIP_WINDOW)
    for start in range(0, len(content), _PIECE_BYTES):
        piece = content[start : start + _PIECE_BYTES]
        before = member.copy()
        try:
            saved.append(member.decompress(piece))
        except zlib.error:
            saved.append(_salvage_piece(before, piece))
            break


def _salvage_piece(member: "zlib._Decompress", piece: bytes) -> bytes:
    saved: list[bytes] = []
    for position in range(len(piece)):
        try:
            saved.append(member.decompress(piece[position : position + 1]))
        except zlib.error:
            break
    return b"".join(saved)


def _unpack_zstd(content: bytes) -> tuple[bytes, str | None]:
    unpacked = _Pieces()
    try:
        with pa.input_stream(pa.BufferReader(content), compression="zstd") as stream:
            while piece := stream.read(_PIECE_BYTES):
                unpacked.append(piece)
    except OSError as error:
        return b"".join(unpacked), f"the zstd stream is damaged or cut off ({error})"
    return b"".join(unpacked), None if content else "the zstd stream is empty"


def number_lines(text: bytes) -> pl.DataFrame:
    """The lines of a text that are not blank: `file_line` (from 1), `line`, `is_utf8`."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    foreign_lines = _lines_not_utf8(text)
    if foreign_lines:
        text = text.decode("utf-8", "replace").encode()
    lines = pl.read_lines(text, row_index_name="file_line", row_index_offset=1)
    return lines.filter(pl.col("line").str.strip_chars() != "").select(
        pl.col("file_line").cast(pl.Int64),
        "line",
        is_utf8=~pl.col("file_line").is_in(foreign_lines),
    )


def _lines_not_utf8(text: bytes) -> list[int]:
    if _is_utf8(text):
        return []
    return [number for number, line in enumerate(text.split(b"\n"), 1) if not _is_utf8(line)]


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parquet_lines(content: bytes, connection: duckdb.DuckDBPyConnection, kind: RecordKind) -> Lines:
    """Rows as JSON, known fields as text: every format passes the same checks and gives the same hash."""
    try:
        rows = _parquet_rows(content)
    except _TooLargeError:
        return Lines(number_lines(b""), _TOO_LARGE)
    except (pa.ArrowException, OSError) as error:
        return Lines(number_lines(b""), f"the Parquet file is damaged or cut off ({_shortly(error)})")
    fields = ", ".join(
        f"{_quoted(name)} := {_quoted(name)}" + ("::VARCHAR" if name in kind.schema.names else "")
        for name in rows.column_names
    )
    query = (
        "SELECT row_number() OVER ()::BIGINT AS file_line, "  # noqa: S608
        f"to_json(struct_pack({fields}))::VARCHAR AS line, true AS is_utf8 FROM parquet_rows"
    )
    try:
        connection.register("parquet_rows", rows)
        return Lines(connection.sql(query).pl())
    except duckdb.Error as error:
        return Lines(
            number_lines(b""), f"the Parquet file has columns that cannot be read ({_shortly(error)})"
        )
    finally:
        connection.unregister("parquet_rows")


def _parquet_rows(content: bytes) -> pa.Table:
    """All rows, read in pieces: what the file says of its size is no bound, as one stored value may stand for many.

    Raises:
        _TooLargeError: they take more than a file may.
    """
    file = pq.ParquetFile(pa.BufferReader(content))
    batches, size = [], 0
    for batch in file.iter_batches(_PIECE_ROWS):
        size += batch.nbytes
        if size > MOST_UNPACKED_BYTES:
            raise _TooLargeError
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow)


def _shortly(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
