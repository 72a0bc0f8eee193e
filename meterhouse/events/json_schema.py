"""Records of a kind as JSON Schema: what a line of an event file or a body of the endpoint may hold.

What belongs here: the translation of fields. What does not: the fields (`schema.py`, `kinds.py`), and the checks that
judge what is sent (`checks.py`), which this describes and does not replace.
"""

from decimal import Decimal
from typing import Any

from meterhouse.events.checks import DECIMAL_NUMBER, TIME_WITH_OFFSET, WHOLE_NUMBER
from meterhouse.events.kinds import EVENTS, PROMPT_FIELDS, RecordKind
from meterhouse.events.schema import MAX_AMOUNT_USD, MAX_QUANTITY, Field, Kind

_NUMBERS = {Kind.COUNT: "integer", Kind.QUANTITY: "number", Kind.MONEY: "number", Kind.RATIO: "number"}
_MOST: dict[Kind, Decimal] = {
    Kind.COUNT: MAX_QUANTITY,
    Kind.QUANTITY: MAX_QUANTITY,
    Kind.MONEY: MAX_AMOUNT_USD,
    Kind.RATIO: Decimal(1),
}

_NAME = {"type": "string", "minLength": 1, "pattern": r"\S"}
_MODEL_OF_CALLS = {
    "if": {"properties": {"operation": {"const": "tool"}}, "required": ["operation"]},
    "else": {"properties": {"model": _NAME}, "required": ["model"]},
}
"""Every call but one of a tool says its model."""


def record_schema(kind: RecordKind) -> dict[str, Any]:
    """JSON Schema (2020-12) of one record of a kind.

    Null is the same as left out. Other fields than these are taken, and kept under `metadata`.
    """
    fields = (*kind.fields, *(PROMPT_FIELDS if kind is EVENTS else ()))
    of_operation = _MODEL_OF_CALLS if kind is EVENTS else {}
    return {
        "type": "object",
        "required": [field.name for field in fields if field.is_required],
        "properties": {field.name: _field_schema(field) for field in fields},
        "additionalProperties": True,
        **of_operation,
    }


def _field_schema(field: Field) -> dict[str, Any]:
    return {"description": field.description} | _values(field)


def _values(field: Field) -> dict[str, Any]:
    if field.choices:
        return {"enum": [*field.choices, None]}
    match field.kind:
        case Kind.TEXT if field.is_required:
            return _NAME
        case Kind.TEXT:
            return {"type": ["string", "null"]}
        case Kind.TIMESTAMP:
            kinds = "string" if field.is_required else ["string", "null"]
            return {"type": kinds, "format": "date-time", "pattern": TIME_WITH_OFFSET}
        case Kind.FLAG:
            return {"type": ["boolean", "null"]}
        case Kind.JSON if field.name == "metadata":
            return {"type": ["object", "null"]}
        case Kind.JSON:
            return {"type": ["object", "array", "null"]}
        case _:
            return {
                "type": [_NUMBERS[field.kind], "string", "null"],
                "minimum": 0,
                "maximum": int(field.most or _MOST[field.kind]),
                "pattern": WHOLE_NUMBER if field.kind is Kind.COUNT else DECIMAL_NUMBER,
            }
