"""What if: what stored calls would have cost on another model, in another tier, or with more of their input cached.

What belongs here: how a call is changed, and comparing like with like. What does not: the arithmetic (`price.py`),
which is the one that priced the calls when they landed. Token counts stay as they were: another model may count
otherwise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from meterhouse.errors import UsageError
from meterhouse.events.published import started_between
from meterhouse.pricing.book import PriceBook
from meterhouse.pricing.lookup import sheets_of
from meterhouse.pricing.price import COST, price_events
from meterhouse.pricing.reprice import calls_by_day
from meterhouse.settings import Settings

DIMENSIONS = (
    *(
        "provider",
        "model",
        "tier",
        "region",
        "operation",
        "customer",
        "product",
        "agent",
        "workflow",
        "task_type",
    ),
    *("subscriber_id", "business_unit", "environment", "credential_name", "provider_project", "trace_name"),
)
"""Columns of `fct_transactions` that calls are chosen and grouped by."""
_IN_FRAME = {"model": "canonical_model", "tier": "service_tier"}
_COUNTS, _AMOUNTS = ("event_count", "compared_count"), ("stored_usd", "before_usd", "after_usd")
_WRITES = ("cache_write_5m_tokens", "cache_write_1h_tokens")


@dataclass(frozen=True)
class Change:
    """What is changed of every call; None leaves it as it was."""

    provider: str | None = None
    model: str | None = None
    tier: str | None = None
    cached_percent: int | None = None
    """At least this share of the input that is not written to a cache is read from one."""

    @property
    def is_nothing(self) -> bool:
        """Whether every call stays as it was."""
        return self == Change()


def what_if(
    settings: Settings,
    book: PriceBook,
    change: Change,
    start: datetime,
    end: datetime,
    where: Mapping[str, Iterable[str]],
    by: str,
) -> pl.DataFrame:
    """Stored calls by a dimension, as they were and changed.

    Args:
        settings: Where the installation lives.
        book: Prices both.
        change: What is changed.
        start: First moment.
        end: The moment after the last.
        where: Values of `DIMENSIONS` of which a call must have one; an empty text stands for none said.
        by: One of `DIMENSIONS`.

    Returns:
        Per value of `by`: `event_count`, `stored_usd` as stored; and of the `compared_count` calls whose cost is known
        both ways, `before_usd` by the book as they were and `after_usd` changed.

    Raises:
        UsageError: There are no published marts, a dimension is unknown, or the other model has no price.
    """
    unknown = [name for name in (by, *where) if name not in DIMENSIONS]
    if unknown:
        raise UsageError(f"Calls have no {unknown[0]!r}.", f"They have {', '.join(DIMENSIONS)}.")
    if change.model is not None and change.provider is not None:
        sheets_of(book, change.model, change.provider, None)
    condition, parameters = started_between(start, end)
    chosen, values = _condition(where)
    group = _IN_FRAME.get(by, by)
    parts = [
        _compared(calls, book, change).group_by(pl.col(group).alias(by)).agg(_sums())
        for calls in calls_by_day(settings, [group], f"{condition}{chosen}", {**parameters, **values})
    ]
    columns = [
        (by, pl.String()),
        *((name, pl.UInt32()) for name in _COUNTS),
        *((name, COST) for name in _AMOUNTS),
    ]
    empty = pl.Schema(columns)
    whole = pl.concat([pl.DataFrame(schema=empty), *(part.cast(empty) for part in parts)])
    return (
        whole.group_by(by)
        .agg(pl.col(*_COUNTS, *_AMOUNTS).sum())
        .sort("before_usd", by, descending=[True, False])
    )


def _condition(where: Mapping[str, Iterable[str]]) -> tuple[str, dict[str, Any]]:
    parts = [f" and coalesce({name}, '') in (select unnest($of_{name}))" for name in where]
    return "".join(parts), {f"of_{name}": list(values) for name, values in where.items()}


def _compared(calls: pl.DataFrame, book: PriceBook, change: Change) -> pl.DataFrame:
    before = price_events(calls, book)["cost_usd"].alias("before_usd")
    after = before if change.is_nothing else _changed_costs(calls, book, change)
    return calls.with_columns(before, after.alias("after_usd"))


def _changed_costs(calls: pl.DataFrame, book: PriceBook, change: Change) -> pl.Series:
    """What the calls cost changed; what the caller said a call cost is nothing that is known of the changed one.

    Where another model charges nothing for writing a cache apart, what was written is its ordinary input.
    """
    changed = _changed(calls, change).with_columns(client_cost_usd=pl.lit(None, COST))
    costs = price_events(changed, book)["cost_usd"]
    if change.model is None:
        return costs
    folded = changed.with_columns(
        pl.sum_horizontal("input_tokens", *_WRITES).alias("input_tokens"),
        *(pl.lit(None, pl.Int64).alias(name) for name in _WRITES),
    )
    wrote = changed.select(
        pl.any_horizontal(pl.col(name) > 0 for name in _WRITES).fill_null(False)
    ).to_series()
    return costs.zip_with(costs.is_not_null() | ~wrote, price_events(folded, book)["cost_usd"])


def _changed(calls: pl.DataFrame, change: Change) -> pl.DataFrame:
    if change.model is not None:
        calls = calls.with_columns(model=pl.lit(change.model), response_model=pl.lit(None, pl.String))
    if change.provider is not None:
        calls = calls.with_columns(provider=pl.lit(change.provider), region=pl.lit(None, pl.String))
    if change.tier is not None:
        calls = calls.with_columns(service_tier=pl.lit(change.tier), is_batch=pl.lit(change.tier == "batch"))
    if change.cached_percent is not None:
        whole = pl.sum_horizontal("input_tokens", "cache_read_tokens")
        read = pl.max_horizontal("cache_read_tokens", whole * change.cached_percent // 100)
        calls = calls.with_columns(
            pl.when(pl.col("input_tokens").is_not_null()).then(value).otherwise(pl.col(name)).alias(name)
            for name, value in (("input_tokens", whole - read), ("cache_read_tokens", read))
        )
    return calls


def _sums() -> list[pl.Expr]:
    is_compared = pl.col("before_usd").is_not_null() & pl.col("after_usd").is_not_null()
    return [
        pl.len().alias("event_count"),
        is_compared.sum().alias("compared_count"),
        pl.col("cost_usd").sum().alias("stored_usd"),
        pl.col("before_usd").filter(is_compared).sum(),
        pl.col("after_usd").filter(is_compared).sum(),
    ]
