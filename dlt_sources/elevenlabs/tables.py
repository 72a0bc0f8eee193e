"""ElevenLabs' tables and their documented fields, and how a tabular answer becomes rows.

Source: contract ElevenLabs §5.7. What does not belong here: how they are fetched (`reports.py`).
"""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from dlt_sources.buckets import day_of
from dlt_sources.contract import Row
from dlt_sources.errors import broken_contract
from dlt_sources.rows import Kind, RowShape, require_currency

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

USAGE = RowShape(
    "usage",
    {
        "interval_start": _T,
        "model": _T,
        "product_type": _T,
        "fiat_charge_type": _T,
        "fiat_currency": _T,
        "total_cost": _D,
        "total_charge_count": _D,
    },
)

CREDIT_USAGE = RowShape(
    "credit_usage", {"interval_start": _T, "model": _T, "product_type": _T, "measures": _T}
)

SUBSCRIPTION = RowShape(
    "subscription",
    {
        "tier": _T,
        "status": _T,
        "character_count": _N,
        "character_limit": _N,
        "currency": _T,
        "current_overage": _T,
        "next_invoice": _T,
    },
)


def cost_rows(body: dict[str, Any]) -> Iterator[tuple[date, list[Row]]]:
    """Each line of a cost-billed answer with its day; an amount is refused without its currency."""
    for time_column, _, item in _items(body, USAGE.table):
        row = USAGE.row(_timed(item, time_column))
        if row["total_cost"] is None:
            raise broken_contract(f"A row of `{USAGE.table}` lacks its `total_cost`.")
        require_currency(row, "total_cost", "fiat_currency", USAGE.table)
        yield day_of(row["interval_start"], USAGE.table), [row]


def credit_rows(body: dict[str, Any]) -> Iterator[tuple[date, list[Row]]]:
    """Each line of a credit-billed answer with its day; its numbers, whose names are not documented, as JSON."""
    for time_column, numbers, item in _items(body, CREDIT_USAGE.table):
        labels = {name: value for name, value in _timed(item, time_column).items() if name not in numbers}
        measures = {name: item[name] for name in numbers}
        row = CREDIT_USAGE.row(labels | {"measures": json.dumps(measures, sort_keys=True)})
        yield day_of(row["interval_start"], CREDIT_USAGE.table), [row]


def _timed(item: Row, time_column: str) -> Row:
    return {("interval_start" if name == time_column else name): value for name, value in item.items()}


def _items(body: dict[str, Any], table: str) -> Iterator[tuple[str, list[str], Row]]:
    """Lines of a tabular answer, zipped with its columns: (its time column, its number columns, the line).

    Raises:
        ProviderError: columns, types and lines do not fit together, or not exactly one column is a time.
    """
    columns, types, lines = body.get("columns"), body.get("column_types"), body.get("rows")
    if not (isinstance(columns, list) and isinstance(types, list) and isinstance(lines, list)):
        raise broken_contract(f"The answer for `{table}` lacks `columns`, `column_types` or `rows`.")
    kinds = dict(zip(map(str, columns), map(str, types), strict=False))
    times = [name for name, kind in kinds.items() if kind.startswith("DateTime")]
    if len(kinds) != len(columns) or len(columns) != len(types) or len(times) != 1:
        raise broken_contract(f"The columns of `{table}` are not named apart, or not exactly one is a time.")
    numbers = [name for name, kind in kinds.items() if kind.startswith(("Float", "Int", "UInt", "Decimal"))]
    for line in lines:
        if not isinstance(line, list) or len(line) != len(columns):
            raise broken_contract(f"A row of `{table}` has another number of values than there are columns.")
        yield times[0], numbers, dict(zip(kinds, line, strict=True))
