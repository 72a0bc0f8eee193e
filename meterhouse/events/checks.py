"""The checks of a record: every field from text to its type, and one sentence for what is wrong.

What belongs here: types, limits, choices and required fields, as SQL made from the fields of
its kind. What does not:
how the text was found in a line (`dialects/`), and what becomes of good and bad events (`reader.py`).
"""

import json

from meterhouse.events.kinds import PROMPT_FIELDS, RecordKind
from meterhouse.events.schema import MAX_AMOUNT_USD, MAX_QUANTITY, Field, Kind

WHOLE_NUMBER = r"^[+-]?[0-9]+(\.0+)?$"
DECIMAL_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
TIME_WITH_OFFSET = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
)
_OUTSIDE_THE_BODY = ("received_at", "source")
_PROMPT_NAMES = [field.name for field in PROMPT_FIELDS]
_WITHOUT_PROMPTS = json.dumps(dict.fromkeys(_PROMPT_NAMES))
_WITHHELD = '"the text held prompts, so it is not kept"'

MACROS = (
    r"""CREATE MACRO has_bare_nan(json_text) AS
        CASE WHEN regexp_matches(json_text, '[:,\[]\s*-?(?i:nan|inf)')
            THEN regexp_matches(regexp_replace(json_text, '"(?:[^"\\]|\\.)*"', '', 'g'), '(?i)nan|inf')
            ELSE false END""",
    """CREATE MACRO shown(value) AS
        '"' || regexp_replace(left(value, 80), '[[:cntrl:]]', ' ', 'g')
            || CASE WHEN length(value) > 80 THEN '…' ELSE '' END || '"'""",
    f"""CREATE MACRO mentions_prompts(line) AS regexp_matches(line, '"({"|".join(_PROMPT_NAMES)})"')""",
    f"""CREATE MACRO without_prompts(line) AS CASE WHEN NOT mentions_prompts(line) THEN line
        ELSE coalesce(nullif(regexp_replace(
            CASE WHEN json_valid(line) AND json_type(line) = 'OBJECT'
                THEN json_merge_patch(line, '{_WITHOUT_PROMPTS}')::VARCHAR ELSE line END,
            '(?s)^.*"({"|".join(_PROMPT_NAMES)})".*$', ''), ''), '{_WITHHELD}') END""",
)
"""DuckDB macros the checks and dialects use."""


def typed_fields(kind: RecordKind) -> str:
    """SQL columns: every field cast from text to its type, NULL where that fails."""
    return ", ".join(f'{_cast(field)} AS "{field.name}"' for field in kind.fields)


def fault(kind: RecordKind, texts: str, typed: str) -> str:
    """SQL for the first thing wrong with a record, as `sentence` takes it; NULL for a good one.

    Args:
        kind: what the records are.
        texts: alias of the relation with the fields as text and the `fault` of the line.
        typed: alias of the relation with the fields as `typed_fields` made them.
    """
    cases = [f"WHEN {texts}.fault IS NOT NULL THEN [NULL, NULL, {texts}.fault]"]
    for field in kind.fields:
        cases += [f"WHEN {test} THEN {found}" for test, found in _checks(kind, field, texts, typed)]
    return f"CASE {' '.join(cases)} END"


def sentence(found: str) -> str:
    """SQL for the sentence of a `fault`: a list of field, text and how to mend it, or of a whole sentence."""
    named = f"'`' || {found}[1] || '` is ' || shown({found}[2]) || '; ' || {found}[3]"
    return f"CASE WHEN {found}[1] IS NULL THEN {found}[3] ELSE {named} END"


def body_hash(kind: RecordKind, typed: str) -> str:
    """SQL for the sha256 of a good record's fields, the same for every file format; arrival is left out.

    No value is empty or holds a NUL, so values joined by NUL, nothing standing for NULL, have one reading.
    """
    fields = [field.name for field in kind.fields if field.name not in _OUTSIDE_THE_BODY]
    values = ", ".join(f"coalesce({typed}.{name}::VARCHAR, '')" for name in fields)
    return f"sha256(concat_ws(chr(0), {values}))"


def _cast(field: Field) -> str:
    name = f'"{field.name}"'
    match field.kind:
        case Kind.TEXT:
            text = f"lower(trim({name}))" if field.name == "provider" else name
            return f"nullif({text}, '')"
        case Kind.JSON:
            return f"CASE WHEN json_valid({name}) AND NOT has_bare_nan({name}) THEN json({name})::VARCHAR END"
        case Kind.TIMESTAMP:
            return _matching(name, TIME_WITH_OFFSET, "TIMESTAMPTZ")
        case Kind.COUNT:
            return _matching(name, WHOLE_NUMBER, "BIGINT")
        case Kind.QUANTITY:
            return _matching(name, DECIMAL_NUMBER, "DECIMAL(38, 6)")
        case Kind.MONEY:
            return _matching(name, DECIMAL_NUMBER, "DECIMAL(38, 12)")
        case Kind.RATIO:
            return _matching(name, DECIMAL_NUMBER, "DECIMAL(9, 6)")
        case Kind.FLAG:
            return f"CASE lower({name}) WHEN 'true' THEN true WHEN 'false' THEN false END"


def _matching(name: str, pattern: str, sql_type: str) -> str:
    return f"CASE WHEN regexp_matches({name}, '{pattern}') THEN TRY_CAST({name} AS {sql_type}) END"


_MEND = {
    Kind.JSON: "write it as JSON",
    Kind.TIMESTAMP: "write a time with its offset, as in 2026-11-23T09:30:00Z",
    Kind.COUNT: "write a whole number of at most 18 digits",
    Kind.QUANTITY: "write a decimal number",
    Kind.MONEY: "write an amount in USD as a decimal string",
    Kind.RATIO: "write a decimal number from 0 to 1",
    Kind.FLAG: "write true or false",
}


def _checks(kind: RecordKind, field: Field, texts: str, typed: str) -> list[tuple[str, str]]:
    text, value = f"{texts}.{field.name}", f"{typed}.{field.name}"
    told = "'(not shown)'" if kind.is_private else text
    checks: list[tuple[str, str]] = []
    if field.is_required:
        checks.append((f"nullif(trim({text}), '') IS NULL", _missing(field.name, f"every {kind.noun}")))
    if field.name == "model":
        every = 'every event but one of operation "tool"'
        checks.append(
            (f"{value} IS NULL AND {typed}.operation IS DISTINCT FROM 'tool'", _missing("model", every))
        )
    if field.kind == Kind.TEXT:
        checks.append((f"contains({text}, chr(0))", _wrong(field.name, told, "remove the NUL character")))
    else:
        checks.append(
            (f"{text} IS NOT NULL AND {value} IS NULL", _wrong(field.name, told, _MEND[field.kind]))
        )
    if field.choices:
        listed = ", ".join(f"'{choice}'" for choice in field.choices)
        mend = f"write one of {', '.join(field.choices)}"
        checks.append((f"{value} NOT IN ({listed})", _wrong(field.name, told, mend)))
    if field.kind in (Kind.COUNT, Kind.QUANTITY, Kind.MONEY, Kind.RATIO):
        mend = "it cannot be negative, leave it out when it is unknown"
        checks.append((f"{value} < 0", _wrong(field.name, told, mend)))
    if field.kind in (Kind.COUNT, Kind.QUANTITY, Kind.MONEY):
        most = field.most or (MAX_AMOUNT_USD if field.kind == Kind.MONEY else MAX_QUANTITY)
        checks.append(
            (f"{value} > {most:f}", _wrong(field.name, told, f"it is beyond {most:.0E}, check its unit"))
        )
    if field.kind == Kind.RATIO:
        checks.append((f"{value} > 1", _wrong(field.name, told, _MEND[Kind.RATIO])))
    if field.name == "metadata":
        mend = "write a JSON object of strings and numbers"
        checks.append(
            (f"{value} IS NOT NULL AND json_type({value}) <> 'OBJECT'", _wrong("metadata", told, mend))
        )
    return checks


def _missing(name: str, every: str) -> str:
    return f"[NULL, NULL, '`{name}` is missing; {every} must have it']"


def _wrong(name: str, text: str, mend: str) -> str:
    return f"['{name}', {text}, '{mend}']"
