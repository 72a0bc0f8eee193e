"""The judgement of event lines: from text to typed fields, and for each line that is no event, why.

What belongs here: the one query that every door asks, whether the lines stand in a file or came over HTTP. What does
not: how fields are found in a line (`dialects/native.py`), the checks (`checks.py`), and what becomes of the lines.
"""

import duckdb

from meterhouse.events import checks
from meterhouse.events.dialects import native
from meterhouse.events.schema import EVENT_FIELDS, Field, Kind

RAW_TEXT_CHARACTERS = 4000

_OF_ARRIVAL = ("received_at",)


def open_judge(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in memory that can run the judgement."""
    connection = duckdb.connect(config={"threads": threads})
    for statement in ("SET TimeZone = 'UTC'", *checks.MACROS):
        connection.execute(statement)
    return connection


def judged(lines: str) -> str:
    """SQL that judges the relation `lines` (`file_line`, `line`, `is_utf8`).

    Returns:
        A query with `file_line`, `reason` (one sentence; NULL for a good event), the typed fields of the event,
        `content_hash` of a good one, `rejected_event_id` of a bad one, `raw_text` (capped), and `line` and
        `unknown_fields` as they came.
    """
    return f"""
        WITH texts AS ({native.fields_as_text(lines)}),
        typed AS (SELECT texts AS text, {checks.typed_fields()} FROM texts),
        faulted AS (SELECT *, {checks.fault("text", "typed")} AS found FROM typed),
        reasoned AS (SELECT * EXCLUDE (found), {checks.sentence("found")} AS reason FROM faulted)
        SELECT text.file_line AS file_line, reason, * EXCLUDE (text, reason),
            CASE WHEN reason IS NOT NULL THEN replace(text.event_id, chr(0), '␀') END AS rejected_event_id,
            CASE WHEN reason IS NULL THEN {checks.body_hash("reasoned")} END AS content_hash,
            replace(left(text.line, {RAW_TEXT_CHARACTERS}), chr(0), '␀') AS raw_text,
            text.line AS line, text.unknown_fields AS unknown_fields
        FROM reasoned"""  # noqa: S608


def landing_line(judgements: str) -> str:
    """SQL for the line that a judged line lands as: the event in native form, without nulls, all values as text.

    It does not say `received_at`, which is of the arrival; a bad line lands as it came, so that whoever reads the file
    refuses it for the same reason.
    """
    of = f"{judgements}."
    fields = ", ".join(
        f"'\"{field.name}\":' || {_as_json_text(field, of + field.name)}"
        for field in EVENT_FIELDS
        if field.name not in _OF_ARRIVAL
    )
    prompts = ", ".join(
        f"'\"{name}\":' || nullif(json_extract({of}line, '$.{name}')::VARCHAR, 'null')"
        for name in native.PROMPT_FIELDS
    )
    has_prompts = " OR ".join(f"contains({of}line, '\"{name}\"')" for name in native.PROMPT_FIELDS)
    return f"""CASE WHEN {of}reason IS NOT NULL THEN {of}line
        ELSE '{{' || concat_ws(',', {fields}, CASE WHEN {has_prompts} THEN concat_ws(',', {prompts}) END) || '}}'
        END"""


def _as_json_text(field: Field, value: str) -> str:
    if field.kind in (Kind.TEXT, Kind.JSON):
        return f"to_json({value})::VARCHAR"
    return f"'\"' || {value}::VARCHAR || '\"'"
