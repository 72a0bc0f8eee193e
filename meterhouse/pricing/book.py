"""The price book: list prices by provider, model, tier, token type and context threshold, dated.

What belongs here: reading the seeds and shaping them for look-up. What does not: pricing (`price.py`), or
where the seeds come from (`import_genai_prices.py`).

A sheet is all prices of one provider, model and tier from `valid_from` to `valid_to`; a later sheet
replaces it whole. Within a sheet each context threshold is a full price list, in force for the whole
request once its input tokens exceed the threshold.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from meterhouse.events.schema import BUCKETS
from meterhouse.settings import PROJECT_ROOT

SEEDS_FOLDER = PROJECT_ROOT / "dbt_project" / "seeds"
UNIT_PRICE = pl.Decimal(38, 18)
"""USD per single unit."""

BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
_SHEET = ["provider", "model", "tier", "valid_from", "valid_to", "price_version"]
_PRICE_ENDING = "_unit_price_usd"
_TOKEN_TYPES = [bucket.token_type for bucket in BUCKETS]


@dataclass(frozen=True)
class PriceBook:
    """The price book, shaped for look-up.

    `sheets`: one row per sheet, `sheet`, `provider`, `model`, `tier`, `valid_from`, `valid_to`,
    `price_version`, sorted by `valid_from`. `price_lists`: one row per sheet and threshold, `sheet`,
    `above_input_tokens` (-1 for the base), and one unit price column per token type of an event, sorted by
    threshold. `aliases`: see `models.py`.
    """

    sheets: pl.DataFrame
    price_lists: pl.DataFrame
    aliases: pl.DataFrame


def load_price_book(folder: Path = SEEDS_FOLDER) -> PriceBook:
    """Read `price_book.csv` and `model_aliases.csv` of a folder.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
    """
    prices = pl.read_csv(folder / "price_book.csv", infer_schema=False)
    aliases = pl.read_csv(folder / "model_aliases.csv", infer_schema=False)
    return price_book(prices, aliases)


def price_book(prices: pl.DataFrame, aliases: pl.DataFrame) -> PriceBook:
    """Shape a price book from the seeds' columns as text.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
    """
    try:
        typed = prices.with_columns(
            pl.col("unit_price_usd").str.strip_chars().cast(UNIT_PRICE),
            pl.col("above_input_tokens").cast(pl.Int64).replace(0, -1),
            valid_from=_time("valid_from", BEGINNING_OF_TIME),
            valid_to=_time("valid_to", END_OF_TIME),
        )
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"The price book cannot be read: {error}. Correct that row of price_book.csv."
        ) from None
    key = ["provider", "model", "tier", "valid_from", "above_input_tokens", "token_type"]
    doubled = typed.filter(typed.select(key).is_duplicated())
    if doubled.height:
        raise ValueError(f"The price book prices {doubled.row(0, named=True)} twice; remove one of the rows.")
    sheets = (
        typed.select(_SHEET).unique().sort("valid_from", "provider", "model", "tier").with_row_index("sheet")
    )
    return PriceBook(
        sheets, _price_lists(typed.join(sheets, on=_SHEET)), aliases.select("provider", "alias", "model")
    )


def price_column(token_type: str) -> str:
    """Column of `PriceBook.price_lists` with the unit price of a token type."""
    return token_type + _PRICE_ENDING


def _time(column: str, default: datetime) -> pl.Expr:
    parsed = pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    return parsed.fill_null(default)


def _price_lists(priced: pl.DataFrame) -> pl.DataFrame:
    wide = (
        priced.filter(pl.col("token_type").is_in(_TOKEN_TYPES))
        .with_columns(pl.col("token_type") + _PRICE_ENDING)
        .pivot("token_type", index=["sheet", "above_input_tokens"], values="unit_price_usd")
        .sort("above_input_tokens", "sheet")
    )
    missing = [name for name in map(price_column, _TOKEN_TYPES) if name not in wide.columns]
    return wide.with_columns(pl.lit(None, UNIT_PRICE).alias(name) for name in missing)
