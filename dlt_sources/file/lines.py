"""From a record to lines of the bill: days, exact amounts, and the bill's words in ours.

What belongs here: how the mapping's fields are read. What does not: files (`records.py`), days of several files
(`reader.py`).
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Any

from dlt_sources.contract import Fault, ProviderError, Row
from dlt_sources.file.mapping import CATEGORIES, TIERS, TOKEN_TYPES, Fields, Mapping, Record, Value

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_EXACT = Context(prec=80)
_SHOWN = 40


class _BadValueError(Exception):
    """A value that a line cannot be made of: of which field, why, and how to mend it."""

    def __init__(self, field: str, why: str, mend: str) -> None:
        super().__init__(why)
        self.field, self.why, self.mend = field, why, mend


def is_wanted(record: Record, mapping: Mapping) -> bool:
    """Whether the mapping's `only` and `skip` let a record in."""
    return all(_text(record.get(column)) in words for column, words in mapping.only.items()) and not any(
        _text(record.get(column)) in words for column, words in mapping.skip.items()
    )


def bill_lines(name: str, place: str, record: Record, mapping: Mapping) -> Iterator[tuple[date, Row]]:
    """The lines a record makes, each with its UTC day.

    Raises:
        ProviderError: a value cannot be read; says file, place, column and how to mend it.
    """
    for fields in mapping.per_record:
        try:
            yield _line(name, record, fields, mapping)
        except _BadValueError as error:
            value: Value | None = getattr(fields, error.field)
            column = " or ".join(value.column) if value and value.column else error.field
            raise ProviderError(
                Fault.CONTRACT,
                f"{name}, {place}, column {column}: {error.why}.",
                f"{error.mend} Nothing of this pull was recorded.",
            ) from None


def _line(name: str, record: Record, fields: Fields, mapping: Mapping) -> tuple[date, Row]:
    said = {field: value.of(record) for field, value in fields.named.items()}
    amount = _digits(said["amount"], "amount", mapping)
    if amount is None:
        raise _BadValueError(
            "amount", "there is no amount", "Fill it in, or leave such rows out with `skip`."
        )
    currency = (_text(said["currency"]) or "").upper()
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise _BadValueError(
            "currency",
            f"{currency[:_SHOWN]!r} is no currency of three letters",
            "Name the column, or say `currency: {constant: USD}`.",
        )
    token_word, category_word = _text(said.get("token_type")), _text(said["charge_category"])
    return _day(said["day"], mapping), {
        "file": name,
        "day_sent": _text(said["day"]),
        "amount_sent": _text(said["amount"]),
        "amount": amount,
        "currency": currency,
        "amount_usd": _dollars(amount, currency, mapping),
        "charge_category": _category(category_word, mapping),
        "model": _text(said.get("model")),
        "token_type_sent": token_word,
        "token_type": _meaning(token_word, mapping.token_types, TOKEN_TYPES),
        "tier": _meaning(_text(said.get("tier")) or "standard", mapping.tiers, TIERS) or "unknown",
        "quantity": _digits(said.get("quantity"), "quantity", mapping),
        "quantity_unit": _text(said.get("quantity_unit")),
        "project": _text(said.get("project")),
        "api_key": _text(said.get("key")),
        "service": _text(said.get("service")),
        "sku": _text(said.get("sku")),
    }


def _day(value: Any, mapping: Mapping) -> date:
    """The UTC day of a date or a time; a time without a zone is UTC."""
    if isinstance(value, datetime):
        return _utc_day(value)
    if isinstance(value, date):
        return value
    text = _text(value) or ""
    try:
        moment = _parsed(text, mapping.date_format)
    except ValueError:
        expected = mapping.date_format or "like 2026-10-31"
        raise _BadValueError(
            "day",
            f"{text[:_SHOWN]!r} is no date {expected}",
            "Say the right `date_format` in the mapping, or leave such rows out with `skip`.",
        ) from None
    return _utc_day(moment)


def _parsed(text: str, date_format: str | None) -> datetime:
    return datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007


def _utc_day(moment: datetime) -> date:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).date()


def _digits(value: Any, field: str, mapping: Mapping) -> str | None:
    """A number's digits with a dot before decimals, none lost; None when there is none."""
    text = _text(value)
    if text is None:
        return None
    if isinstance(value, str):
        for unwanted in (*mapping.remove, mapping.thousands):
            text = text.replace(unwanted, "") if unwanted else text
        text = text.strip()
        has_other_point = mapping.decimal == "," and "." in text
        text = text.replace(mapping.decimal, ".") if not has_other_point else f"{text}?"
    if not _NUMBER.fullmatch(text):
        raise _BadValueError(
            field,
            f"{str(value)[:_SHOWN]!r} is no number",
            "Say `decimal`, `thousands` or `remove` in the mapping, or mend the value.",
        )
    return text


def _dollars(amount: str, currency: str, mapping: Mapping) -> str | None:
    """The amount in dollars, exactly; None where the mapping has no rate for its currency."""
    if currency == "USD":
        return amount
    rate = mapping.rates.get(currency)
    return None if rate is None else format(_EXACT.multiply(Decimal(amount), rate), "f")


def _category(word: str | None, mapping: Mapping) -> str:
    category = _meaning(word, mapping.charge_categories, CATEGORIES)
    if category is None:
        raise _BadValueError(
            "charge_category",
            f"{(word or '')[:_SHOWN]!r} is no charge category",
            f"Say in `charge_categories` which of {', '.join(sorted(CATEGORIES))} it is.",
        )
    return category


def _meaning(word: str | None, meanings: dict[str, str], known: frozenset[str]) -> str | None:
    """What a word of the bill stands for: as mapped, else itself where it is one of ours."""
    lowered = (word or "").lower()
    return meanings.get(lowered, lowered if lowered in known else None)


def _text(value: Any) -> str | None:
    """A value as text with every digit; None for nothing, blanks or no number."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, dict | list)
        else str(value)
    )
