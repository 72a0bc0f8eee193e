"""Regional premiums: what a region costs above the price of everywhere, where a list says it as a factor.

What belongs here: making the regional sheets. What does not: the factors (`price_premiums.csv`, written by
`import_litellm_prices.py`), and which region a call names (`models.py`). A sheet with a premium follows the list price
that it is above; a region with a list of its own has no use for a factor. What is not counted in tokens has no premium.
"""

from pathlib import Path

import polars as pl

from meterhouse.events.schema import BUCKETS

_KEY = ["provider", "model", "tier", "region"]
_TOKENS = [bucket.token_type for bucket in BUCKETS if bucket.field.endswith("_tokens")]
_PLACES = 18


def read_premiums(folder: Path) -> pl.DataFrame:
    """The factors of a folder: `provider`, `model`, `region`, `multiplier` (decimal), where it is from."""
    rows = pl.read_csv(folder / "price_premiums.csv", infer_schema=False)
    return rows.select(
        *("provider", "model", "region"),
        multiplier=pl.col("multiplier").cast(pl.Decimal(38, 9)),
        premium_source="source",
        premium_source_version="source_version",
    )


def with_premiums(prices: pl.DataFrame, premiums: pl.DataFrame) -> pl.DataFrame:
    """Listed prices (`PRICE_SCHEMA`) with the sheets of regions that have a premium; their source names both lists."""
    everywhere = prices.filter(pl.col("region") == "").drop("region")
    unit = prices.schema["unit_price_usd"]
    is_token = pl.col("token_type").is_in(_TOKENS)
    raised = (pl.col("unit_price_usd") * pl.col("multiplier")).round(_PLACES, mode="half_away_from_zero")
    regional = (
        everywhere.join(premiums, on=["provider", "model"])
        .join(prices.select(_KEY).unique(), on=_KEY, how="anti")
        .with_columns(
            pl.when(is_token)
            .then(raised.cast(unit))
            .otherwise(pl.col("unit_price_usd"))
            .alias("unit_price_usd"),
            price_version=pl.concat_str("price_version", "region", separator="-"),
            source=pl.format("{} + {}", "source", "premium_source"),
            source_version=pl.format("{} + {}", "source_version", "premium_source_version"),
        )
    )
    return pl.concat([prices, regional.select(prices.columns)])
