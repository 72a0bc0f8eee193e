"""Calls without a price, and why: an unknown model, a tier without a price, or a quantity without one.

What belongs here: finding them in the published marts. What does not: pricing (`price.py`).
"""

from datetime import datetime
from difflib import get_close_matches
from typing import Any

import polars as pl

from meterhouse.events.published import started_between, stored_events
from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.book import PriceBook
from meterhouse.pricing.models import with_canonical_model
from meterhouse.settings import Settings

_NAMED = ["provider", "raw_model", "service_tier", "region"]
_QUANTITIES = [bucket.field for bucket in BUCKETS]
_NEAR = 3


def unmatched(settings: Settings, book: PriceBook, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Stored calls with quantities and no price that started in a span, by name, tier and region, most first.

    Returns:
        `provider`, `model` as it was called, `tier`, `region`, `event_count`, `first_at`, `last_at`, `reason`, and
        `near`: names that the book knows, where the model is unknown.

    Raises:
        UsageError: There are no published marts.
    """
    condition, parameters = started_between(start, end)
    columns = ["provider", "model", "response_model", "service_tier", "region", "started_at", *_QUANTITIES]
    calls = stored_events(settings, columns, f"cost_status = 'unpriced' and {condition}", parameters)
    found = (
        calls.with_columns(raw_model=pl.coalesce("response_model", "model"))
        .group_by(_NAMED)
        .agg(
            pl.len().alias("event_count"),
            pl.col("started_at").min().alias("first_at"),
            pl.col("started_at").max().alias("last_at"),
            *((pl.col(name) > 0).any().alias(name) for name in _QUANTITIES),
        )
        .sort("event_count", *_NAMED, descending=[True, *(False for _ in _NAMED)])
    )
    named = with_canonical_model(found, book.aliases)
    return [_explained(row, book) for row in named.iter_rows(named=True)]


def _explained(row: dict[str, Any], book: PriceBook) -> dict[str, Any]:
    prices = book.prices.filter(
        pl.col("provider") == row["provider"], pl.col("model").eq_missing(pl.lit(row["canonical_model"]))
    )
    of_tier = prices.filter(pl.col("tier").eq_missing(pl.lit(row["service_tier"])))
    near: list[str] = []
    if prices.is_empty():
        reason = "the model is unknown"
        names = book.aliases.filter(pl.col("provider") == row["provider"])["alias"].to_list()
        near = get_close_matches((row["raw_model"] or "").lower(), names, _NEAR, 0.6)
    elif of_tier.is_empty():
        reason = f"the tier {row['service_tier']} has no price"
    else:
        known = set(of_tier["token_type"])
        missing = [one.token_type for one in BUCKETS if row[one.field] and one.token_type not in known]
        reason = (
            f"no price for {', '.join(missing)}" if missing else "no price in this region or at that time"
        )
    return {
        "provider": row["provider"],
        "model": row["raw_model"],
        "tier": row["service_tier"],
        **{name: row[name] for name in ("region", "event_count", "first_at", "last_at")},
        "reason": reason,
        "near": near,
    }
