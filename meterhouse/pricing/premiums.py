"""Regional premiums: what a region costs above the price of everywhere, where a list says it as a factor.

What belongs here: making the regional sheets, and which of two factors holds when. What does not: the factors
(`price_premiums.csv`, written by `import_litellm_prices.py`), and which region a call names (`models.py`). A sheet
with a premium follows the list price that it is above; a region with a list of its own has no use for a factor. What is
not counted in tokens has no premium.
"""

from datetime import datetime
from pathlib import Path

import polars as pl

from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME

_FILE = "price_premiums.csv"
_MODEL = ["provider", "model"]
_REGION = [*_MODEL, "region"]
_KEY = ["provider", "model", "tier", "region"]
_TOKENS = [bucket.token_type for bucket in BUCKETS if bucket.field.endswith("_tokens")]
_PLACES = 18
_TIME, _TIME_TEXT = pl.Datetime("us", "UTC"), "%Y-%m-%dT%H:%M:%SZ"
PREMIUM_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "provider": pl.String,
    "model": pl.String,
    "region": pl.String,
    "multiplier": pl.Decimal(38, 9),
    "valid_from": _TIME,
    "valid_to": _TIME,
    "source": pl.String,
    "source_version": pl.String,
    "retrieved_at": pl.String,
}
"""Columns of premiums."""


def read_premiums(folder: Path) -> pl.DataFrame:
    """The premiums of a folder (`PREMIUM_SCHEMA`)."""
    return premiums_of(pl.read_csv(folder / _FILE, infer_schema=False))


def has_premiums(folder: Path) -> bool:
    """Whether a folder has premiums of its own."""
    return (folder / _FILE).exists()


def premiums_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of text typed as `PREMIUM_SCHEMA`; without days they hold always."""
    blank = [pl.lit(None, pl.String).alias(name) for name in PREMIUM_SCHEMA if name not in rows.columns]
    open_ends = {"valid_from": BEGINNING_OF_TIME, "valid_to": END_OF_TIME}
    return (
        rows.with_columns(blank)
        .with_columns(
            pl.col(name).str.to_datetime(_TIME_TEXT, time_unit="us", time_zone="UTC").fill_null(end)
            for name, end in open_ends.items()
        )
        .select(pl.col(name).cast(kind) for name, kind in PREMIUM_SCHEMA.items())
    )


def write_premiums(folder: Path, premiums: pl.DataFrame) -> None:
    """The reverse of `read_premiums`."""
    premiums.with_columns(
        pl.when(~pl.col(name).is_in([BEGINNING_OF_TIME, END_OF_TIME]))
        .then(pl.col(name))
        .dt.strftime(_TIME_TEXT)
        for name in ("valid_from", "valid_to")
    ).write_csv(folder / _FILE)


def merged_premiums(
    held: pl.DataFrame, offered: pl.DataFrame, priced: pl.DataFrame, holds_from: datetime
) -> pl.DataFrame:
    """The held premiums with what a newer list says; a premium it no longer lists stays.

    Args:
        held: `PREMIUM_SCHEMA`.
        offered: of the newer list.
        priced: `provider` and `model` of what had a price: in the past it had that one, with no premium above it.
        holds_from: since when a change holds.
    """
    in_force = held.filter(pl.col("valid_to") == END_OF_TIME)
    new = offered.filter(pl.col("valid_to") == END_OF_TIME).join(
        in_force, on=[*_REGION, "multiplier"], how="anti"
    )
    had_a_price = pl.concat([priced, held.select(_MODEL)]).unique()
    ended = held.join(new, on=_REGION, how="semi").with_columns(
        valid_to=pl.min_horizontal("valid_to", pl.lit(holds_from, _TIME))
    )
    parts = [
        held.join(new, on=_REGION, how="anti"),
        ended.filter(pl.col("valid_from") < pl.col("valid_to")),
        new.join(had_a_price, on=_MODEL, how="semi").with_columns(valid_from=pl.lit(holds_from, _TIME)),
        new.join(had_a_price, on=_MODEL, how="anti"),
    ]
    return pl.concat(parts).sort(*_REGION, "valid_from")


def with_premiums(prices: pl.DataFrame, premiums: pl.DataFrame) -> pl.DataFrame:
    """Listed prices (`PRICE_SCHEMA`) with the sheets of regions that have a premium; their source names both lists."""
    everywhere = prices.filter(pl.col("region") == "").drop("region")
    unit = prices.schema["unit_price_usd"]
    is_token = pl.col("token_type").is_in(_TOKENS)
    raised = (pl.col("unit_price_usd") * pl.col("multiplier")).round(_PLACES, mode="half_away_from_zero")
    is_dated = pl.col("valid_from_premium") != BEGINNING_OF_TIME
    place = (
        pl.when(is_dated)
        .then(pl.concat_str("region", pl.col("valid_from_premium").dt.strftime("%Y%m%d"), separator="-"))
        .otherwise("region")
    )
    regional = (
        everywhere.join(premiums, on=_MODEL, suffix="_premium")
        .join(prices.select(_KEY).unique(), on=_KEY, how="anti")
        .with_columns(
            pl.when(is_token)
            .then(raised.cast(unit))
            .otherwise(pl.col("unit_price_usd"))
            .alias("unit_price_usd"),
            valid_from=pl.max_horizontal("valid_from", "valid_from_premium"),
            valid_to=pl.min_horizontal("valid_to", "valid_to_premium"),
            price_version=pl.concat_str("price_version", place, separator="-"),
            source=pl.format("{} + {}", "source", "source_premium"),
            source_version=pl.format("{} + {}", "source_version", "source_version_premium"),
        )
        .filter(pl.col("valid_from") < pl.col("valid_to"))
    )
    return pl.concat([prices, regional.select(prices.columns)])
