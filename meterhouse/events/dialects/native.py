"""The native dialect: one JSON object per line, named as the fields of its kind.

What belongs here: how a line becomes the record's fields as text, and what happens to fields it should not
have. What does not: types, limits and choices (`checks.py`), which hold for every dialect.

Numbers are taken from the text of the line, because a JSON reader passes them through a double
(contract performance-reliability §0.3). Fields we do not know are kept in `metadata`, where the kind has one; whether
a line has such is asked of its keys as one text, joined by a character that JSON only holds escaped, because comparing
lists costs many times as much.
"""

import json

from meterhouse.events.kinds import EVENTS, RecordKind
from meterhouse.events.schema import Kind

_A_NUMBER_A_DOUBLE_MAY_BEND = r'"\s*:\s*-?(?:[0-9]+[.eE]|[0-9]{16})'
_A_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"


def fields_as_text(lines: str, kind: RecordKind = EVENTS) -> str:
    """SQL that reads the relation `lines` (`file_line`, `line`, `is_utf8`) into fields as text.

    Returns:
        A query with `file_line`, `line`, `fault` (why the line is no event object, else NULL), `unknown_fields`
        (names of those it should not have, else NULL) and one VARCHAR column per field of the kind.
    """
    scalar_names = [field.name for field in kind.fields if field.kind != Kind.JSON]
    json_names = [field.name for field in kind.fields if field.kind == Kind.JSON]
    known_names = [*(field.name for field in kind.fields), *kind.other_fields]
    has_metadata = "metadata" in json_names
    only_known_keys = rf"(?:(?:{'|'.join(known_names)})\x01)*"
    number_of_a_field = rf'"({"|".join(scalar_names)})"\s*:\s*{_A_NUMBER}'
    as_text = json.dumps(dict.fromkeys((*scalar_names, *json_names), "VARCHAR"))
    without_known = json.dumps(dict.fromkeys(known_names))
    columns = [f"fields.{name} AS {name}" for name in scalar_names]
    columns += [f"fields_of_json.{name} AS {name}" for name in json_names if name != "metadata"]
    columns += [f"{_METADATA} AS metadata"] if has_metadata else []
    return f"""
        WITH judged AS (
            SELECT file_line, line, {FAULT_OF_TEXT} AS fault_of_text FROM {lines}
        ), keyed AS (
            SELECT *,
                CASE WHEN fault_of_text IS NULL THEN json_keys(line) END AS keys,
                regexp_matches(line, '{_A_NUMBER_A_DOUBLE_MAY_BEND}') AS has_long_number
            FROM judged
        ), transformed AS (
            SELECT *,
                json_transform(CASE WHEN fault_of_text IS NOT NULL THEN NULL
                    WHEN has_long_number THEN regexp_replace(line, '{number_of_a_field}', '"\\1":"\\2"', 'g')
                    ELSE line END, '{as_text}') AS fields,
                CASE WHEN CASE WHEN contains(line, '\\u0001') THEN NOT list_has_all({known_names}, keys)
                        ELSE NOT regexp_full_match(array_to_string(keys, chr(1)) || chr(1), '{only_known_keys}') END
                    THEN json_merge_patch(line, '{without_known}')::VARCHAR END AS unknown,
                CASE WHEN fault_of_text IS NULL AND has_long_number
                    THEN json_transform(line, '{as_text}') ELSE fields END AS fields_of_json
            FROM keyed
        )
        SELECT file_line, line,
            CASE WHEN fault_of_text IS NOT NULL THEN fault_of_text
                WHEN list_unique(keys) <> len(keys)
                THEN 'the line names a field twice; write each field once'
                {_METADATA_FAULT if has_metadata else ""}
            END AS fault,
            json_keys(unknown) AS unknown_fields,
            {", ".join(columns)}
        FROM transformed"""  # noqa: S608


_METADATA = """CASE WHEN unknown IS NULL THEN fields_of_json.metadata
    WHEN fields_of_json.metadata IS NULL THEN unknown
    WHEN json_valid(fields_of_json.metadata)
    THEN json_merge_patch(unknown, fields_of_json.metadata)::VARCHAR
    ELSE fields_of_json.metadata END"""
_METADATA_FAULT = """WHEN unknown IS NOT NULL AND json_valid(fields_of_json.metadata)
        AND list_has_any(json_keys(unknown), json_keys(fields_of_json.metadata))
    THEN 'an unknown field stands beside metadata and inside it; write it once, in metadata'"""


FAULT_OF_TEXT = """CASE
    WHEN NOT is_utf8 THEN 'the line is not UTF-8; write event files in UTF-8'
    WHEN NOT json_valid(line) THEN 'the line is not valid JSON; write one complete JSON object per line'
    WHEN json_type(line) <> 'OBJECT'
    THEN 'the line is a JSON ' || lower(json_type(line)) || ', not an object; write one JSON object per line'
    WHEN has_bare_nan(line)
    THEN 'the line holds NaN or Infinity, which JSON does not know; leave a field out when it is unknown'
END"""
"""SQL for why a line is no JSON object, NULL when it is one; of every dialect whose lines are JSON."""
