"""The price book: list prices by provider, model, tier, token type and context threshold, dated.

What belongs here: reading the seeds and shaping them for look-up. What does not: pricing (`price.py`), where the
seeds come from (`import_genai_prices.py`), or what an installation has negotiated (`overrides.py`).

A sheet is all prices of one provider, model, tier, region and hours of the day from `valid_from` to `valid_to`; a later
sheet replaces it whole. Within a sheet each context threshold is a full price list, in force for the whole
request once its input tokens exceed the threshold. `region` is empty for the price of everywhere, `hours` for
the price of the whole day, above which those of some hours stand (`hours.py`).
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.hours import refuse_unclear_hours
from meterhouse.pricing.overrides import BASE, with_overrides
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME, Overrides, load_overrides
from meterhouse.pricing.premiums import has_premiums, read_premiums, with_premiums
from meterhouse.settings import PROJECT_ROOT

SEEDS_FOLDER = PROJECT_ROOT / "dbt_project" / "seeds"
UNIT_PRICE = pl.Decimal(38, 18)
"""USD per single unit."""

_TIME, _TIME_TEXT = pl.Datetime("us", "UTC"), "%Y-%m-%dT%H:%M:%SZ"
PRICE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "provider": pl.String,
    "model": pl.String,
    "tier": pl.String,
    "region": pl.String,
    "hours": pl.String,
    "token_type": pl.String,
    "above_input_tokens": pl.Int64,
    "valid_from": _TIME,
    "valid_to": _TIME,
    "unit_price_usd": UNIT_PRICE,
    "price_version": pl.String,
    "source": pl.String,
    "source_version": pl.String,
    "retrieved_at": _TIME,
}
"""Columns of `PriceBook.prices`."""
PRICE_KEY = ["provider", "model", "tier", "region", "hours", "valid_from", "above_input_tokens", "token_type"]
_SHEET = ["provider", "model", "tier", "region", "hours", "valid_from", "valid_to", "price_version"]
_PRICE_ENDING = "_unit_price_usd"
_TOKEN_TYPES = [bucket.token_type for bucket in BUCKETS]
_COUNTED = [bucket.token_type for bucket in BUCKETS if not bucket.field.endswith("_seconds")]
"""Token types of whole numbers."""


@dataclass(frozen=True)
class Listing:
    """What books list: `prices` (`PRICE_SCHEMA`), `aliases` (see `models.py`), `premiums` (see `premiums.py`)."""

    prices: pl.DataFrame
    aliases: pl.DataFrame
    premiums: pl.DataFrame

    @property
    def regional_prices(self) -> pl.DataFrame:
        """The prices with those of regions that have a premium."""
        return with_premiums(self.prices, self.premiums)


@dataclass(frozen=True)
class PriceBook:
    """The price book, shaped for look-up.

    `prices`: one row per price (`PRICE_SCHEMA`). `sheets`: one row per sheet, `sheet`, `provider`, `model`, `tier`,
    `region`, `hours`, `valid_from`, `valid_to`, `price_version`, sorted by `valid_from`. `price_lists`: one row per
    sheet and threshold, `sheet`, `above_input_tokens` (-1 for the base), and one unit price column per token type of an
    event, sorted by threshold. `aliases`: see `models.py`.
    """

    prices: pl.DataFrame
    sheets: pl.DataFrame
    price_lists: pl.DataFrame
    aliases: pl.DataFrame


def load_price_book(overrides_file: Path | None = None, folder: Path = SEEDS_FOLDER) -> PriceBook:
    """Read `price_book.csv` and `model_aliases.csv` of a folder, and the overrides above them.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
        OverridesError: The overrides cannot be read, or something in them is wrong.
    """
    return shaped(read_listed(folder), load_overrides(overrides_file))


def read_listed(folder: Path) -> Listing:
    """The listing of a folder, as it stands in its files; premiums of the release where it has none of its own.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
    """
    aliases = pl.read_csv(folder / "model_aliases.csv", infer_schema=False)
    prices = listed(pl.read_csv(folder / "price_book.csv", infer_schema=False))
    premiums = read_premiums(folder if has_premiums(folder) else SEEDS_FOLDER)
    return Listing(prices, aliases.select("provider", "alias", "model"), premiums)


def price_book(prices: pl.DataFrame, aliases: pl.DataFrame, overrides: Overrides | None = None) -> PriceBook:
    """Shape a price book from the seeds' columns as text, with the overrides above them.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
        OverridesError: An override names a model that no price is known for.
    """
    names = aliases.select("provider", "alias", "model")
    return shaped(Listing(listed(prices), names, read_premiums(SEEDS_FOLDER)), overrides)


def shaped(listing: Listing, overrides: Overrides | None = None) -> PriceBook:
    """Shape a listing for look-up, with regional premiums and overrides above its prices.

    Raises:
        OverridesError: An override names a model that no price is known for.
    """
    typed, aliases = listing.regional_prices, listing.aliases
    if overrides is not None:
        typed, aliases = with_overrides(typed, aliases, overrides)
    return for_look_up(typed, aliases)


def for_look_up(typed: pl.DataFrame, aliases: pl.DataFrame) -> PriceBook:
    """The book of prices (`PRICE_SCHEMA`) to which nothing is to be added, and aliases."""
    sheets = typed.select(_SHEET).unique().sort("valid_from", *_SHEET[:5]).with_row_index("sheet")
    return PriceBook(typed, sheets, _price_lists(typed.join(sheets, on=_SHEET)), aliases)


def trimmed(number: Decimal | None) -> Decimal | None:
    """The number without zeros at its end."""
    if number is None:
        return None
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def listed(prices: pl.DataFrame) -> pl.DataFrame:
    """Rows of text as in `price_book.csv`, typed as `PRICE_SCHEMA`.

    Raises:
        ValueError: a row has no readable price or time, or two rows give one price.
    """
    typed = _typed(prices)
    refuse_unclear_hours(typed)
    doubled = typed.filter(typed.select(PRICE_KEY).is_duplicated())
    if doubled.height:
        raise ValueError(f"The price book prices {doubled.row(0, named=True)} twice; remove one of the rows.")
    return typed


def as_text(prices: pl.DataFrame) -> pl.DataFrame:
    """The reverse of `listed`: rows as `price_book.csv` holds them."""
    return prices.select(
        pl.col("above_input_tokens").replace(BASE, 0).cast(pl.String)
        if name == "above_input_tokens"
        else pl.col(name).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
        if name == "unit_price_usd"
        else pl.when(~pl.col(name).is_in([BEGINNING_OF_TIME, END_OF_TIME]))
        .then(pl.col(name))
        .dt.strftime(_TIME_TEXT)
        if PRICE_SCHEMA[name] == _TIME
        else pl.col(name)
        for name in PRICE_SCHEMA
    )


def _typed(prices: pl.DataFrame) -> pl.DataFrame:
    blank = [pl.lit(None, pl.String).alias(name) for name in PRICE_SCHEMA if name not in prices.columns]
    try:
        return (
            prices.with_columns(blank)
            .with_columns(
                pl.col("region", "hours").fill_null(""),
                pl.col("unit_price_usd").str.strip_chars().cast(UNIT_PRICE),
                pl.col("above_input_tokens").cast(pl.Int64).replace(0, BASE),
                valid_from=_time("valid_from").fill_null(BEGINNING_OF_TIME),
                valid_to=_time("valid_to").fill_null(END_OF_TIME),
                retrieved_at=_time("retrieved_at"),
            )
            .select(list(PRICE_SCHEMA))
        )
    except pl.exceptions.PolarsError as error:
        raise ValueError(
            f"The price book cannot be read: {error}. Correct that row of price_book.csv."
        ) from None


def price_column(token_type: str) -> str:
    """Column of `PriceBook.price_lists` with the unit price of a token type."""
    return token_type + _PRICE_ENDING


def _time(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime(_TIME_TEXT, time_unit="us", time_zone="UTC")


def _price_lists(priced: pl.DataFrame) -> pl.DataFrame:
    wide = (
        priced.filter(pl.col("token_type").is_in(_TOKEN_TYPES))
        .with_columns(pl.col("token_type") + _PRICE_ENDING)
        .pivot("token_type", index=["sheet", "above_input_tokens"], values="unit_price_usd")
        .sort("above_input_tokens", "sheet")
    )
    missing = [name for name in map(price_column, _TOKEN_TYPES) if name not in wide.columns]
    whole = wide.with_columns(pl.lit(None, UNIT_PRICE).alias(name) for name in missing)
    return whole.with_columns(_narrowed(whole[name]) for name in map(price_column, _COUNTED))


def _narrowed(prices: pl.Series) -> pl.Series:
    """Prices at the places that costs have, where all of them are exact at these: such costs need no rounding."""
    narrow = prices.cast(pl.Decimal(38, 12))
    return narrow if narrow.cast(UNIT_PRICE).equals(prices) else prices
