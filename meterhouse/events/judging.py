"""The judgement of the lines of any kind of record: from text to typed fields, and for each line that is none, why.

What belongs here: the one query that every door asks, whether the lines stand in a file or came over HTTP. What does
not: how fields are found in a line (`dialects/native.py`), the checks (`checks.py`), and what becomes of the lines.
"""

import duckdb
import polars as pl

from meterhouse.events import checks
from meterhouse.events.dialects import native
from meterhouse.events.kinds import EVENTS, PROMPT_FIELDS, RecordKind
from meterhouse.events.schema import Field, Kind

RAW_TEXT_CHARACTERS = 4000

OF_ARRIVAL = ("received_at",)


class Incoming:
    """Lines to be judged, as a relation that a connection registers once and reads anew with every execution.

    DuckDB keeps the plan of a prepared statement over it; over a table it would plan for each execution, which costs
    many times what a few lines do.
    """

    SCHEMA = pl.Schema({"file_line": pl.Int64(), "line": pl.String(), "is_utf8": pl.Boolean()})

    def __init__(self) -> None:
        self._lines = self.SCHEMA.to_frame()

    def set(self, lines: pl.DataFrame) -> None:
        """Lines for the next execution; the columns of `SCHEMA`, others are left out."""
        self._lines = lines.select(pl.col(name).cast(of) for name, of in self.SCHEMA.items())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The lines as the Arrow PyCapsule interface hands them over."""
        return self._lines.__arrow_c_stream__(requested_schema)


def open_judge(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in memory that can run the judgement."""
    connection = duckdb.connect(config={"threads": threads})
    for statement in ("SET TimeZone = 'UTC'", *checks.MACROS):
        connection.execute(statement)
    return connection


def judged(lines: str, kind: RecordKind = EVENTS) -> str:
    """SQL that judges the relation `lines` (`file_line`, `line`, `is_utf8`).

    Returns:
        A query with `file_line`, `reason` (one sentence; NULL for a good record), the typed fields of its kind,
        `content_hash` of a good one, `rejected_id` of a bad one, `raw_text` (capped, without prompts), and `line`
        and `unknown_fields` as they came.
    """
    raw_text = "NULL::VARCHAR" if kind.is_private else "without_prompts(text.line)"
    return f"""
        WITH texts AS ({native.fields_as_text(lines, kind)}),
        typed AS (SELECT texts AS text, {checks.typed_fields(kind)} FROM texts),
        faulted AS (SELECT *, {checks.fault(kind, "text", "typed")} AS found FROM typed),
        reasoned AS (SELECT * EXCLUDE (found), {checks.sentence("found")} AS reason FROM faulted)
        SELECT text.file_line AS file_line, reason, * EXCLUDE (text, reason),
            CASE WHEN reason IS NOT NULL THEN replace(text.{kind.id_field}, chr(0), '␀') END AS rejected_id,
            CASE WHEN reason IS NULL THEN {checks.body_hash(kind, "reasoned")} END AS content_hash,
            replace(left({raw_text}, {RAW_TEXT_CHARACTERS}), chr(0), '␀') AS raw_text,
            text.line AS line, text.unknown_fields AS unknown_fields
        FROM reasoned"""  # noqa: S608


def landing_line(judgements: str, kind: RecordKind = EVENTS, leaves_out: tuple[str, ...] = OF_ARRIVAL) -> str:
    """SQL for the line that a judged line lands as: the record in native form, without nulls, all values as text.

    It does not say `received_at`, which is of the arrival, unless nothing is left out; a bad line lands as it came, so
    that whoever reads the file refuses it for the same reason. Neither holds prompts.
    """
    of = f"{judgements}."
    fields = ", ".join(
        f"'\"{field.name}\":' || {_as_json_text(field, of + field.name)}"
        for field in kind.fields
        if field.name not in leaves_out
    )
    return f"""CASE WHEN {of}reason IS NOT NULL THEN without_prompts({of}line)
        ELSE '{{' || concat_ws(',', {fields}) || '}}' END"""


def prompts_line(judgements: str) -> str:
    """SQL for the prompts that stand in the line of a good event, as a line of their own; NULL where there are none."""
    of = f"{judgements}."
    prompts = ", ".join(
        f"'\"{field.name}\":' || nullif(json_extract({of}line, '$.{field.name}')::VARCHAR, 'null')"
        for field in PROMPT_FIELDS
    )
    return f"""CASE WHEN {of}reason IS NULL AND mentions_prompts({of}line)
        THEN '{{"event_id":' || to_json({of}event_id)::VARCHAR || ',' || nullif(concat_ws(',', {prompts}), '') || '}}'
        END"""


def _as_json_text(field: Field, value: str) -> str:
    if field.kind in (Kind.TEXT, Kind.JSON):
        return f"to_json({value})::VARCHAR"
    return f"'\"' || {value}::VARCHAR || '\"'"
