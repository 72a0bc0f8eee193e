"""The mapping file: which column of a bill's file is its day, amount, model and so on.

What belongs here: the mapping's shape, the mapping for FOCUS, and reading one from YAML. What does not: reading
records (`records.py`), turning a record into lines (`lines.py`).
"""

import json
from collections.abc import Mapping as AnyMapping
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from dlt_sources.contract import Fault, ProviderError

FOCUS_NAME = "focus"
CATEGORIES = frozenset({"usage", "credit", "tax", "fee", "purchase", "adjustment"})
TIERS = frozenset({"standard", "batch", "flex", "priority", "unknown"})
TOKEN_TYPES = frozenset(
    {
        "input",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "output",
        "audio_input",
        "audio_output",
        "image_input",
        "image_output",
        "video_input",
        "images",
        "audio_seconds",
        "video_seconds",
        "characters",
        "web_searches",
        "tool_calls",
        "tokens",
        "requests",
    }
)
"""Kinds of quantity of a metered event; `tokens` is one amount for all tokens, `requests` one per call."""

Record = AnyMapping[str, Any]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Value(_Strict):
    """Where a value comes from: the first of some columns that holds one, a key in their JSON, or a constant."""

    column: tuple[str, ...] = ()
    json_key: tuple[str, ...] = ()
    constant: str | None = None
    optional: bool = False
    """Whether files may lack the columns altogether."""

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, given: Any) -> Any:
        """A bare text is the name of a column, and one column or key needs no list."""
        if isinstance(given, str):
            return {"column": (given,)}
        if not isinstance(given, dict):
            return given
        lists = {name: (given[name],) for name in ("column", "json_key") if isinstance(given.get(name), str)}
        return given | lists

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.column) == (self.constant is not None):
            raise ValueError("a value is a column or a constant")
        return self

    def of(self, record: Record) -> Any:
        """The value in a record, as read; None when there is none."""
        if self.constant is not None:
            return self.constant
        for column in self.column:
            value = record.get(column)
            if self.json_key:
                value = _first_key(value, self.json_key)
            if value is not None and value != "":
                return value
        return None


class Fields(_Strict):
    """What a line of the bill is made of."""

    day: Value | None = None
    amount: Value | None = None
    currency: Value | None = None
    charge_category: Value = Value(constant="usage")
    model: Value | None = None
    token_type: Value | None = None
    tier: Value | None = None
    quantity: Value | None = None
    quantity_unit: Value | None = None
    project: Value | None = None
    key: Value | None = None
    service: Value | None = None
    sku: Value | None = None

    @cached_property
    def named(self) -> dict[str, Value]:
        """The values that are given, by field."""
        return {name: getattr(self, name) for name in Fields.model_fields if getattr(self, name) is not None}


class SameDay(StrEnum):
    """What it means that two files hold lines of one day."""

    REFUSE = "refuse"
    NEWEST = "newest"
    ADD = "add"


def _lowered(words: dict[str, str]) -> dict[str, str]:
    return {word.strip().lower(): meaning for word, meaning in words.items()}


def _among(known: frozenset[str]) -> AfterValidator:
    def check(words: dict[str, str]) -> dict[str, str]:
        wrong = sorted(set(words.values()) - known)
        if wrong:
            raise ValueError(f"{', '.join(wrong)} is none of {', '.join(sorted(known))}")
        return _lowered(words)

    return AfterValidator(check)


def _as_list(given: Any) -> Any:
    return (
        {name: [words] if isinstance(words, str) else words for name, words in given.items()}
        if isinstance(given, dict)
        else given
    )


Filter = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_as_list)]


class Mapping(Fields):
    """A mapping file: how to read the records, what to leave out, and the fields of each record's lines."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """Lines above the header, blank ones not counted."""
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Field(max_length=1)] = ""
    remove: tuple[str, ...] = ()
    """Texts taken out of numbers, such as a currency sign."""
    date_format: str | None = None
    """Python's strptime codes; without it dates and times are ISO 8601."""
    same_day: SameDay = SameDay.REFUSE
    only: Filter = {}
    skip: Filter = {}
    rates: dict[str, Decimal] = {}
    """Dollars for one unit of a currency."""
    charge_categories: Annotated[dict[str, str], _among(CATEGORIES)] = {}
    token_types: Annotated[dict[str, str], _among(TOKEN_TYPES)] = {}
    tiers: Annotated[dict[str, str], _among(TIERS)] = {}
    lines: tuple[Fields, ...] = ()
    """The lines a record makes, each with what differs from the fields above; without it one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for fields in self.per_record:
            for name in ("day", "amount", "currency"):
                if getattr(fields, name) is None:
                    raise ValueError(f"the mapping does not say which column is the {name}")
        return self

    @cached_property
    def per_record(self) -> tuple[Fields, ...]:
        """The fields of every line that a record makes."""
        whole = {name: getattr(self, name) for name in Fields.model_fields}
        return tuple(
            Fields(**(whole | {n: getattr(line, n) for n in line.model_fields_set})) for line in self.lines
        ) or (Fields(**whole),)

    def columns(self) -> dict[str, bool]:
        """Every column named, and whether files must have it; of alternatives one is enough."""
        named = dict.fromkeys([*self.only, *self.skip], True)
        for fields in self.per_record:
            for value in fields.named.values():
                for column in value.column:
                    named[column] = named.get(column, False) or (
                        not value.optional and len(value.column) == 1
                    )
        return named


FOCUS: dict[str, Any] = {
    "day": "ChargePeriodStart",
    "amount": "BilledCost",
    "currency": "BillingCurrency",
    "charge_category": "ChargeCategory",
    "model": {"column": "SkuPriceDetails", "json_key": ["ModelId", "x_ModelId"], "optional": True},
    "token_type": {"column": "SkuMeter", "optional": True},
    "tier": {"column": "SkuPriceDetails", "json_key": ["x_ServiceTier"], "optional": True},
    "quantity": {"column": "ConsumedQuantity", "optional": True},
    "quantity_unit": {"column": "ConsumedUnit", "optional": True},
    "project": {"column": "SubAccountId", "optional": True},
    "key": {"column": ["CredentialId", "x_CredentialId"], "optional": True},
    "service": {"column": "ServiceName", "optional": True},
    "sku": {"column": ["SkuPriceId", "SkuId", "ChargeDescription"], "optional": True},
    "token_types": {
        "Input Tokens": "input",
        "Output Tokens": "output",
        "Cached Input Tokens": "cache_read",
        "Cache Read Input Tokens": "cache_read",
        "Cache Write Input Tokens": "cache_write_5m",
    },
}
"""Columns of FOCUS 1.0 to 1.2, and the model that 1.5 puts into SkuPriceDetails (contract FOCUS §1.2, §1.4)."""


def parse_mapping(text: str, shown: str) -> Mapping:
    """The mapping in a YAML text; one with `base: focus` says only what differs from FOCUS.

    Args:
        text: The YAML.
        shown: Name of the file in messages.

    Raises:
        ProviderError: it is no YAML, or no mapping; says where and what.
    """
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _unusable(shown, f"it is no YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(given, dict):
        raise _unusable(shown, "it holds no fields")
    base = given.pop("base", None)
    if base not in (None, FOCUS_NAME):
        raise _unusable(shown, f"base can be {FOCUS_NAME} only")
    try:
        return Mapping.model_validate((FOCUS if base else {}) | given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ")
        raise _unusable(shown, f"{place}: {words}" if place else words) from None


def focus_mapping() -> Mapping:
    """The mapping of a FOCUS export as it stands."""
    return Mapping.model_validate(FOCUS)


def _unusable(shown: str, why: str) -> ProviderError:
    return ProviderError(
        Fault.CONTRACT,
        f"The mapping {shown} cannot be used: {why}.",
        "Mend the mapping file; docs/providers/file.md shows what it may hold.",
    )


def _first_key(value: Any, keys: tuple[str, ...]) -> Any:
    """The first of some keys that an object, or the JSON text of one, holds."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_float=str)
        except ValueError:
            return None
    if isinstance(value, list):
        value = dict(value) if all(isinstance(pair, tuple) for pair in value) else None
    if not isinstance(value, dict):
        return None
    return next((value[key] for key in keys if value.get(key) not in (None, "")), None)
