"""From a provider's JSON objects to flat, exact rows.

Documented fields are named by their path (`amount.value`) and become columns (`amount_value`, snake case) of a fixed
type, present in every row. What a provider adds later passes through as text, nested values as JSON text, so
that a new field never changes a type. What does not belong here: days and their versions (`buckets.py`,
`source.py`).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from dlt.common.normalizers.naming.snake_case import NamingConvention

from dlt_sources.contract import Columns, Row
from dlt_sources.errors import broken_contract

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_BIGINT_LIMIT = 2**63
_OURS = frozenset({"connection_id", "day", "content_hash", "row_id", "observed_at"})
"""Columns that `source.py` and staging add to every row."""


class Kind(StrEnum):
    """What a documented field holds."""

    TEXT = "text"
    """Words; a nested value is kept as JSON text."""
    DECIMAL = "decimal"
    """Money or a quantity: the digits exactly as sent, as text."""
    INTEGER = "integer"
    """A count or Unix seconds."""
    FLAG = "flag"


DECIMAL_TEXT = {"data_type": "text", "x-holds": Kind.DECIMAL.value}
"""Hint of a column of decimals kept as text."""
_HINTS = {
    Kind.TEXT: {"data_type": "text"},
    Kind.DECIMAL: DECIMAL_TEXT,
    Kind.INTEGER: {"data_type": "bigint"},
    Kind.FLAG: {"data_type": "bool"},
}


def is_decimal(hint: Mapping[str, Any]) -> bool:
    """Whether a column of that hint holds decimals, as text."""
    return hint.get("x-holds") == Kind.DECIMAL


@dataclass(frozen=True)
class RowShape:
    """The documented fields of one table, by path in the provider's JSON."""

    table: str
    fields: Mapping[str, Kind]

    @cached_property
    def columns(self) -> Columns:
        """Column hints for dlt."""
        return {_column(path): _HINTS[kind] for path, kind in self.fields.items()}

    def columns_of(self, *paths: str) -> tuple[str, ...]:
        """Columns of documented fields."""
        return tuple(map(_column, paths))

    @cached_property
    def _blank(self) -> Row:
        return dict.fromkeys(self.columns)

    @cached_property
    def _known(self) -> Mapping[str, tuple[str, Kind]]:
        """Column and kind of each documented field, by its path."""
        return {path: (_column(path), kind) for path, kind in self.fields.items()}

    @cached_property
    def _parents(self) -> frozenset[str]:
        """Paths of the documented objects that are taken apart."""
        steps = (path.split(".") for path in self.fields)
        return frozenset(".".join(step[:n]) for step in steps for n in range(1, len(step)))

    def row(self, item: Any) -> Row:
        """The flat row of one JSON object: every documented column, None if not sent, and what else came.

        Raises:
            ProviderError: the item, or a documented field of it, is of another type than documented.
        """
        if not isinstance(item, dict):
            raise broken_contract(f"A row of `{self.table}` is not an object.")
        row = self._blank.copy()
        self._fill(row, item, "")
        return row

    def _fill(self, row: Row, item: dict[str, Any], prefix: str) -> None:
        known = self._known
        for name, value in item.items():
            if value is None:
                continue
            path = prefix + name
            if path in known:
                column, kind = known[path]
                row[column] = self._exact(path, kind, value)
            elif path not in self._parents:
                row[self._free_column(path, row)] = self._exact(path, Kind.TEXT, value)
            elif isinstance(value, dict):
                self._fill(row, value, f"{path}.")
            else:
                raise self._not_documented(path, "an object")

    def _free_column(self, path: str, row: Row) -> str:
        """Column of an undocumented field, as dlt names it: never one that the row has, nor one of ours."""
        column = _column(path)
        while column in row or column in _OURS:
            column = f"undocumented_{column}"
        return column

    def _exact(self, path: str, kind: Kind, value: Any) -> str | int | bool:
        if kind is Kind.TEXT:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
            return _storable(text)
        if kind is Kind.DECIMAL:
            return self._digits(path, value)
        if kind is Kind.INTEGER:
            if type(value) is int and -_BIGINT_LIMIT < value < _BIGINT_LIMIT:
                return value
            number = Decimal(self._digits(path, value))
            if number != number.to_integral_value() or abs(number) >= _BIGINT_LIMIT:
                raise self._not_documented(path, "a whole number")
            return int(number)
        if not isinstance(value, bool):
            raise self._not_documented(path, "true or false")
        return value

    def _digits(self, path: str, value: Any) -> str:
        """A JSON number, or a string that holds one: both are in use (contract OpenAI §1.6)."""
        digits = str(value)
        if isinstance(value, bool) or not isinstance(value, str | int) or not _NUMBER.fullmatch(digits):
            raise self._not_documented(path, "a number")
        return digits

    def _not_documented(self, path: str, expected: str) -> Exception:
        return broken_contract(f"Field `{path}` of a row of `{self.table}` is not {expected}.")


def require_currency(row: Row, amount: str, currency: str, table: str) -> Row:
    """The row, if its amount says in which currency it is.

    Raises:
        ProviderError: there is an amount but no ISO 4217 code beside it; dollars are never assumed.
    """
    if row[amount] is not None and not re.fullmatch(r"[A-Za-z]{3}", row[currency] or ""):
        raise broken_contract(f"A row of `{table}` has an amount but no currency in `{currency}`.")
    return row


@lru_cache(maxsize=1024)
def _as_dlt_names(column: str) -> str:
    return NamingConvention().normalize_identifier(column or "_empty")


def _storable(text: str) -> str:
    """The text, with a question mark for half a surrogate pair, which JSON can say but UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _column(path: str) -> str:
    """Column of a field, as dlt names it: `netAmount` or `tokenUsage.totalCents` in snake case."""
    return _as_dlt_names(path.replace(".", "_"))
