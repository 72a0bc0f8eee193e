"""Second opinions: where another price book says something else of a price that is in use.

What belongs here: finding what is in dispute, and what it means in money. What does not: the opinions
(`price_opinions.csv`, written by `import_litellm_prices.py`), and pricing, which goes by the first book alone.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from meterhouse.events.published import started_between, stored_events
from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.book import SEEDS_FOLDER, UNIT_PRICE, PriceBook, for_look_up, listed
from meterhouse.pricing.overrides import SOURCE as OVERRIDE
from meterhouse.pricing.price import COST, price_events
from meterhouse.pricing.reprice import calls_by_day
from meterhouse.settings import Settings

_USED = ["provider", "model", "tier"]
_PRICE = [*_USED, "region", "hours", "token_type", "above_input_tokens"]
_AT_LEAST = Decimal("0.01")
"""Share of a price by which another one must differ to be worth a word."""


def disputed_prices(
    settings: Settings, book: PriceBook, start: datetime, now: datetime, folder: Path = SEEDS_FOLDER
) -> list[dict[str, Any]]:
    """Listed prices of now, of models and tiers called since `start`, that another book sees more than 1 % off.

    Returns:
        `provider`, `model`, `tier`, `region`, `hours`, `token_type`, `above_input_tokens`, `unit_price_usd`, `source`,
        `other_unit_price_usd` and `other_source`.

    Raises:
        UsageError: There are no published marts.
    """
    calls = stored_events(
        settings, ["provider", "canonical_model", "service_tier"], *started_between(start, now)
    )
    used = calls.unique().rename({"canonical_model": "model", "service_tier": "tier"})
    shown = [*_PRICE, "unit_price_usd", "source", "other_unit_price_usd", "other_source"]
    return disputed(book, now, folder).join(used, on=_USED, how="semi").select(shown).sort(_PRICE).to_dicts()


def disputed(book: PriceBook, now: datetime, folder: Path = SEEDS_FOLDER) -> pl.DataFrame:
    """Listed prices of now that another book sees more than 1 % off: `book.prices`' columns and the other's price."""
    opinions = listed(pl.read_csv(folder / "price_opinions.csv", infer_schema=False)).select(
        *_PRICE,
        other_unit_price_usd="unit_price_usd",
        other_source=pl.concat_str("source", "source_version", separator=" "),
    )
    difference = (pl.col("unit_price_usd") - pl.col("other_unit_price_usd")).abs()
    return book.prices.join(opinions, on=_PRICE).filter(
        pl.col("valid_from") <= now,
        pl.col("valid_to") > now,
        pl.col("source") != OVERRIDE,
        difference > (pl.col("unit_price_usd") * pl.lit(_AT_LEAST)),
    )


def disputed_costs(
    settings: Settings,
    book: PriceBook,
    start: datetime,
    end: datetime,
    now: datetime,
    folder: Path = SEEDS_FOLDER,
) -> list[dict[str, Any]]:
    """What the books' disagreement means in money: calls from `start` up to `end` by the book, and as another has it.

    Only what the disputed prices of now hold for: older sheets are not what the other book speaks of.

    Returns:
        `provider`, `model`, `token_type`, `cost_usd`, `other_cost_usd` and `difference_usd`, where these differ, the
        biggest difference first.

    Raises:
        NothingPublishedError: Nothing was published yet.
    """
    in_dispute = disputed(book, now, folder)
    if in_dispute.is_empty():
        return []
    other = for_look_up(_with_other_prices(book.prices, in_dispute), book.aliases)
    condition, values = _of_models(in_dispute, *started_between(start, end))
    parts = [
        _costs(price_events(calls, book), "cost_usd").join(
            _costs(price_events(calls, other), "other_cost_usd"), on=["provider", "model", "token_type"]
        )
        for calls in calls_by_day(settings, [], condition, values)
    ]
    if not parts:
        return []
    by_type = pl.concat(parts).group_by("provider", "model", "token_type").sum()
    return (
        by_type.with_columns(difference_usd=pl.col("other_cost_usd") - pl.col("cost_usd"))
        .filter(pl.col("difference_usd") != 0)
        .sort(
            pl.col("difference_usd").abs(),
            "provider",
            "model",
            "token_type",
            descending=[True, False, False, False],
        )
        .to_dicts()
    )


def _with_other_prices(prices: pl.DataFrame, in_dispute: pl.DataFrame) -> pl.DataFrame:
    key = [*_PRICE, "valid_from"]
    return (
        prices.join(
            in_dispute.select(*key, "other_unit_price_usd"), on=key, how="left", maintain_order="left"
        )
        .with_columns(unit_price_usd=pl.coalesce("other_unit_price_usd", "unit_price_usd").cast(UNIT_PRICE))
        .select(prices.columns)
    )


def _of_models(
    in_dispute: pl.DataFrame, condition: str, values: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    models = in_dispute.select(pl.format("{} {}", "provider", "model")).unique().to_series().to_list()
    return f"{condition} and provider || ' ' || model in (select unnest($models))", {
        **values,
        "models": models,
    }


def _costs(priced: pl.DataFrame, name: str) -> pl.DataFrame:
    """Costs of priced calls by model and token type."""
    costs = {bucket.cost_field: bucket.token_type for bucket in BUCKETS}
    return (
        priced.select("provider", pl.col("canonical_model").alias("model"), *costs)
        .rename(costs)
        .unpivot(
            list(costs.values()), index=["provider", "model"], variable_name="token_type", value_name=name
        )
        .group_by("provider", "model", "token_type")
        .agg(pl.col(name).sum().cast(COST))
    )
