"""Reads one landing file into typed records (events, for most) and rejects, vectorised in DuckDB.

What belongs here: the accounting of a file, good + rejected + duplicate = lines (blank lines do not count),
and what becomes of a broken file. What does not: unpacking (`lines.py`), the judgement of lines (`judging.py`),
prices and loading.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from meterhouse.events.judging import RAW_TEXT_CHARACTERS, judged, open_judge
from meterhouse.events.kinds import RecordKind
from meterhouse.events.landing import LandingFile, LandingZone, read_bytes
from meterhouse.events.lines import Lines, read_lines
from meterhouse.events.schema import REJECT_SCHEMA

_FILE_REJECT_SCHEMA = pa.schema(list(REJECT_SCHEMA)[:6])
"""A reject before its load: `file_url`, `file_line`, `event_id`, `raw_text`, `reason`, `first_seen_at`."""


@dataclass(frozen=True)
class FileReading:
    """What stands in one landing file.

    `waiting_for` is a sentence when the file is broken but young enough to be still arriving; then nothing of
    it is read. `events` holds the good records, with their kind's `read_schema`; `rejects` has the first six columns of
    `REJECT_SCHEMA`.
    """

    file: LandingFile
    content_sha256: str
    events: pa.Table
    rejects: pa.Table
    duplicate_count: int
    waiting_for: str | None = None

    @property
    def line_count(self) -> int:
        """Lines of the file: every one is an event, a reject or a duplicate."""
        return int(self.events.num_rows + self.rejects.num_rows + self.duplicate_count)


def read_landing_file(
    zone: LandingZone, file: LandingFile, settle_seconds: float, now: datetime
) -> FileReading:
    """Read one file: its good records, and a reject with one sentence for every line that is none.

    Args:
        zone: the landing zone.
        file: the file as listed.
        settle_seconds: how long after its last change a broken file may still be arriving.
        now: current time, with zone.

    Raises:
        LandingZoneError: the file cannot be fetched.
    """
    return read_content(file, read_bytes(zone, file.url), settle_seconds, now)


def read_content(file: LandingFile, content: bytes, settle_seconds: float, now: datetime) -> FileReading:
    """As `read_landing_file`, for content already fetched."""
    sha256 = hashlib.sha256(content).hexdigest()
    kind = file.kind
    with open_judge() as connection:
        lines = read_lines(file.url, content, connection, kind)
        _judge(connection, lines, kind)
        parameters = {"file_url": file.url, "now": now, "arrived_at": file.modified_at}
        events = _query(connection, _good(kind), parameters, kind.read_schema)
        rejects = _query(connection, _refused(kind), parameters, _FILE_REJECT_SCHEMA)
    damage = lines.damage or _cut_off(lines, rejects)
    if damage is not None and (now - file.modified_at).total_seconds() < settle_seconds:
        none_yet = events.slice(0, 0), rejects.slice(0, 0)
        return FileReading(file, sha256, *none_yet, duplicate_count=0, waiting_for=damage)
    duplicate_count = lines.table.height - events.num_rows - rejects.num_rows
    if lines.damage is not None:
        rejects = pa.concat_tables([rejects, _reject_of_damage(file, lines, now)])
    return FileReading(file, sha256, events, rejects, duplicate_count)


def _query(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, object], schema: pa.Schema
) -> pa.Table:
    used = {name: value for name, value in parameters.items() if f"${name}" in query}
    return connection.sql(query, params=used).to_arrow_table().cast(schema)


def _judge(connection: duckdb.DuckDBPyConnection, lines: Lines, kind: RecordKind) -> None:
    """Make the table `judged`: every line with its typed fields, body hash and reason (NULL if good)."""
    connection.register("lines", lines.table)
    connection.execute(
        f"CREATE TEMP TABLE judged AS SELECT * EXCLUDE (line, unknown_fields) FROM ({judged('lines', kind)})"  # noqa: S608
    )
    connection.execute(
        f"""CREATE TEMP TABLE first_copies AS
        SELECT {kind.id_field}, min(file_line) AS first_line, arg_min(content_hash, file_line) AS first_hash
        FROM judged WHERE reason IS NULL GROUP BY {kind.id_field} HAVING count(*) > 1"""  # noqa: S608
    )


_FILLED = {"received_at": "coalesce(received_at, $arrived_at)", "source": "coalesce(source, 'file')"}
"""What arrival tells when the record does not; arrival is no part of the body."""


def _good(kind: RecordKind) -> str:
    columns = (f"{_FILLED.get(name, f'judged.{name}')} AS {name}" for name in kind.schema.names)
    return f"""
    SELECT {", ".join(columns)}, $file_url AS file_url, file_line, content_hash
    FROM judged LEFT JOIN first_copies USING ({kind.id_field})
    WHERE reason IS NULL AND (first_line IS NULL OR first_line = file_line)
    ORDER BY file_line"""  # noqa: S608


def _refused(kind: RecordKind) -> str:
    record_id = kind.id_field
    return f"""
    SELECT $file_url AS file_url, file_line, rejected_id AS event_id, raw_text, reason,
        $now::TIMESTAMPTZ AS first_seen_at
    FROM judged WHERE reason IS NOT NULL
    UNION ALL
    SELECT $file_url, file_line, {record_id}, raw_text,
        'the {record_id} ' || shown({record_id}) || ' stands on line ' || first_line || ' with another body, which
        counts; '
            || 'give every {kind.noun} an id of its own',
        $now::TIMESTAMPTZ
    FROM judged JOIN first_copies USING ({record_id})
    WHERE reason IS NULL AND content_hash <> first_hash
    ORDER BY file_line"""  # noqa: S608


def _cut_off(lines: Lines, rejects: pa.Table) -> str | None:
    """Whether the last line is bad and has no line end: the writer was cut off, or is still at it."""
    if lines.ends_whole or rejects.num_rows == 0:
        return None
    last_line = lines.table["file_line"][-1]
    is_bad = rejects["file_line"][-1].as_py() == last_line
    return f"line {last_line} is cut off before its end" if is_bad else None


def _reject_of_damage(file: LandingFile, lines: Lines, now: datetime) -> pa.Table:
    last_line = lines.table["file_line"][-1] if lines.table.height else 0
    reason = (
        f"{lines.damage}: the {lines.table.height} whole lines before the break were read, "
        "what follows is lost; deliver the file again under a new name"
    )
    tail = None if lines.tail is None or file.kind.is_private else lines.tail[:RAW_TEXT_CHARACTERS]
    row = dict(
        zip(_FILE_REJECT_SCHEMA.names, (file.url, last_line + 1, None, tail, reason, now), strict=True)
    )
    return pa.Table.from_pylist([row], schema=_FILE_REJECT_SCHEMA)
