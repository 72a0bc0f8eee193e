"""Second opinions: where another price book says something else of a price that is in use.

What belongs here: finding what is in dispute. What does not: the opinions (`price_opinions.csv`, written by
`import_litellm_prices.py`), and pricing, which goes by the first book alone.
"""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from meterhouse.events.published import started_between, stored_events
from meterhouse.pricing.book import SEEDS_FOLDER, PriceBook, listed
from meterhouse.pricing.overrides import SOURCE as OVERRIDE
from meterhouse.settings import Settings

_USED = ["provider", "model", "tier"]
_PRICE = [*_USED, "region", "token_type", "above_input_tokens"]
_AT_LEAST = Decimal("0.01")
"""Share of a price by which another one must differ to be worth a word."""


def disputed_prices(
    settings: Settings, book: PriceBook, start: datetime, now: datetime, folder: Path = SEEDS_FOLDER
) -> list[dict[str, Any]]:
    """Listed prices of now, of models and tiers called since `start`, that another book sees more than 1 % off.

    Returns:
        `provider`, `model`, `tier`, `region`, `token_type`, `above_input_tokens`, `unit_price_usd`, `source`,
        `other_unit_price_usd` and `other_source`.

    Raises:
        UsageError: There are no published marts.
    """
    opinions = listed(pl.read_csv(folder / "price_opinions.csv", infer_schema=False))
    calls = stored_events(
        settings, ["provider", "canonical_model", "service_tier"], *started_between(start, now)
    )
    used = calls.unique().rename({"canonical_model": "model", "service_tier": "tier"})
    in_force = book.prices.filter((pl.col("valid_from") <= now) & (pl.col("valid_to") > now))
    both = in_force.join(used, on=_USED, how="semi").join(
        opinions.select(
            *_PRICE,
            other_unit_price_usd="unit_price_usd",
            other_source=pl.concat_str("source", "source_version", separator=" "),
        ),
        on=_PRICE,
    )
    shown = [*_PRICE, "unit_price_usd", "source", "other_unit_price_usd", "other_source"]
    return [
        row
        for row in both.select(shown).sort(_PRICE).iter_rows(named=True)
        if abs(row["unit_price_usd"] - row["other_unit_price_usd"]) > _AT_LEAST * row["unit_price_usd"]
        and row["source"] != OVERRIDE
    ]
