"""Prices in words, as every `meterhouse prices` command says them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.book import trimmed

_TOKENS = {bucket.token_type for bucket in BUCKETS if bucket.field.endswith("_tokens")} | {"characters"}


def per_unit(token_type: str, unit_price: Decimal | None) -> str | None:
    """A unit price: per million where it is one of tokens or characters."""
    if unit_price is None:
        return None
    is_token = token_type in _TOKENS
    return f"{trimmed(unit_price * 1_000_000):f} per million" if is_token else f"{trimmed(unit_price):f} each"


def days(span: Mapping[str, Any]) -> str | None:
    """The days from `valid_from` to `valid_to`, the last one left out, and the hours; None where it is always."""
    ends = [f"{end:%Y-%m-%d}" if (end := span[name]) else "" for name in ("valid_from", "valid_to")]
    hours = f"{span['hours']} UTC" if span["hours"] else ""
    return " ".join(filter(None, ("..".join(ends) if any(ends) else "", hours))) or None


def usd(amount: Decimal | None) -> str | None:
    """An amount to its last place."""
    return None if amount is None else f"{trimmed(amount):f}"


def plain_numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its decimals freed of zeros at their ends."""
    return {name: trimmed(value) if isinstance(value, Decimal) else value for name, value in row.items()}
