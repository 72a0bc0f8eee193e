"""Look-up in the price book: the sheets of a model, by any of its names.

What belongs here: finding. What does not: pricing (`price.py`).
"""

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import polars as pl

from meterhouse.errors import UsageError
from meterhouse.pricing.book import PriceBook, trimmed
from meterhouse.pricing.models import with_canonical_model
from meterhouse.pricing.overrides import BASE
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME

_SHEET = ["provider", "model", "tier", "region", "hours", "valid_from", "valid_to", "price_version"]
_ORIGIN = ["source", "source_version", "retrieved_at"]


def sheets_of(
    book: PriceBook, name: str, provider: str | None, moment: datetime | None
) -> list[dict[str, Any]]:
    """The sheets of a model at every provider that has it, each with its `prices`.

    Args:
        book: The price book.
        name: Any name of the model.
        provider: Only of this provider.
        moment: Only in force then; None for every sheet.

    Raises:
        UsageError: No price is known for such a model.
    """
    providers = book.sheets.select("provider").unique().sort("provider")
    if provider is not None:
        providers = providers.filter(pl.col("provider") == provider)
    named = with_canonical_model(providers.with_columns(raw_model=pl.lit(name)), book.aliases).select(
        "provider", model="canonical_model"
    )
    found = book.prices.join(named, on=["provider", "model"], how="semi")
    if found.is_empty():
        raise UsageError(
            f"No price is known for {name!r}{f' of {provider}' if provider else ''}.",
            _near(book, name, provider),
        )
    if moment is not None:
        found = found.filter((pl.col("valid_from") <= moment) & (pl.col("valid_to") > moment))
    ordered = found.sort(*_SHEET, "above_input_tokens", "token_type")
    return [
        _sheet(sheet) | {"prices": [_price(row) for row in rows.iter_rows(named=True)]}
        for sheet, rows in (
            (rows.row(0, named=True), rows) for rows in ordered.partition_by(_SHEET, maintain_order=True)
        )
    ]


def _sheet(row: dict[str, Any]) -> dict[str, Any]:
    sheet = {name: row[name] for name in (*_SHEET, *_ORIGIN)}
    return sheet | {
        "region": row["region"] or None,
        "hours": row["hours"] or None,
        "valid_from": None if row["valid_from"] == BEGINNING_OF_TIME else row["valid_from"],
        "valid_to": None if row["valid_to"] == END_OF_TIME else row["valid_to"],
    }


def _price(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "token_type": row["token_type"],
        "above_input_tokens": 0 if row["above_input_tokens"] == BASE else row["above_input_tokens"],
        "unit_price_usd": trimmed(row["unit_price_usd"]),
    }


def _near(book: PriceBook, name: str, provider: str | None) -> str:
    aliases = book.aliases if provider is None else book.aliases.filter(pl.col("provider") == provider)
    near = get_close_matches(name.lower(), aliases["alias"].unique().to_list(), 3, 0.5)
    hint = f"Near names: {', '.join(near)}. " if near else ""
    return hint + "A price of your own goes into the price overrides, see docs/prices.md."
