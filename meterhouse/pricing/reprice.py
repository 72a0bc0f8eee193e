"""Repricing: what stored events would cost by another book, and loading their files again so that they do.

What belongs here: the preview in money, and which files it touches. What does not: how a file is loaded again
(`events/load.py`), and where another book comes from (`update.py`). A preview reads the published marts, so it is of
the last build.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from meterhouse.control.database import reading
from meterhouse.events import ledger
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.load import load_again
from meterhouse.events.published import started_between, stored_events
from meterhouse.events.schema import BUCKETS
from meterhouse.pricing.book import PriceBook
from meterhouse.pricing.price import COST, price_events
from meterhouse.settings import Settings

PRICED_BY = (
    *("provider", "model", "response_model", "service_tier", "region", "started_at"),
    *("operation", "outcome", "client_cost_usd", *(bucket.field for bucket in BUCKETS)),
)
"""Fields of an event that its price depends on."""
_PRICES = [*(bucket.cost_field for bucket in BUCKETS), "cost_usd", "cost_status"]
_STORED = (*_PRICES, "canonical_model", "file_url")
_OF_FILES = "file_url in (select unnest($urls))"
_MODEL = ["provider", "model"]
_COUNTS = ("event_count", "repriced_count", "newly_priced_count", "newly_unpriced_count")
_AMOUNTS = ("now_usd", "new_usd", "before_usd", "after_usd")
_SCHEMA: dict[str, Any] = (
    dict.fromkeys(_MODEL, pl.String) | dict.fromkeys(_COUNTS, pl.UInt32) | dict.fromkeys(_AMOUNTS, COST)
)


@dataclass(frozen=True)
class Preview:
    """What another book changes.

    `by_model`, a row per model with a change. Over the events of the period: `event_count`, and what they would cost if
    all had been made now, `now_usd` by the book in force and `new_usd` by the other. Over every event of the files to
    load again: `repriced_count`, `before_usd` as stored, `after_usd` by the other book, and how many get or lose a
    price. `partitions`: the hour of arrival by the URL of each of these files. `gone_count`: files with events that
    would cost something else, but are in the landing zone no more.
    """

    by_model: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SCHEMA))
    partitions: Mapping[str, str] = field(default_factory=dict)
    gone_count: int = 0


def preview(
    settings: Settings, today: PriceBook, other: PriceBook, start: datetime, end: datetime, now: datetime
) -> Preview:
    """What the stored events that started in a span would cost by another book.

    Args:
        settings: Where the installation lives.
        today: The book in force.
        other: The other book.
        start: First moment.
        end: The moment after the last.
        now: Whose prices are compared.

    Raises:
        UsageError: There are no published marts.
        LandingZoneError: The landing zone cannot be read.
    """
    compared: list[pl.DataFrame] = []
    urls: set[str] = set()
    for events in calls_by_day(settings, _STORED, *started_between(start, end)):
        compared.append(_now(events, today, other, now))
        urls |= set(_repriced(events, other).filter("is_changed")["file_url"])
    partitions = _partitions(settings, urls)
    of_files = calls_by_day(settings, _STORED, _OF_FILES, {"urls": list(partitions)}) if partitions else ()
    repriced = [_changes(_repriced(events, other)) for events in of_files]
    return Preview(_by_model([*compared, *repriced]), partitions, len(urls) - len(partitions))


def calls_by_day(
    settings: Settings, columns: Iterable[str], condition: str, parameters: Mapping[str, Any]
) -> Iterator[pl.DataFrame]:
    """Stored events of a condition on `fct_transactions`, a day's at a time, so that no more than these are in memory.

    Returns:
        Frames with `PRICED_BY`, `is_batch`, `cost_usd` and the columns asked for, by the names of the event's fields.

    Raises:
        UsageError: There are no published marts.
    """
    wanted = dict.fromkeys([*PRICED_BY, "cost_usd", *columns])
    days = stored_events(settings, ["event_date"], condition, parameters)["event_date"].unique().sort()
    for day in days:
        events = stored_events(
            settings, wanted, f"event_date = $day and {condition}", {"day": day, **parameters}
        )
        yield events.with_columns(is_batch=pl.col("service_tier") == "batch")


def reprice(settings: Settings, found: Preview) -> int:
    """Load the files of a preview again, by the book now in force; the next build brings them into the marts.

    A kill leaves files that the next load takes. Returns how many events were loaded.

    Raises:
        LandingZoneError: The landing zone cannot be read.
        WarehouseBusyError: The warehouse stayed busy.
    """
    return sum(load.event_count for load in load_again(settings, found.partitions))


def _partitions(settings: Settings, urls: set[str]) -> dict[str, str]:
    """The hour of arrival of those files that are still in the landing zone."""
    with reading(settings) as transaction:
        partitions = ledger.partitions_of(transaction, urls)
    zone = open_landing_zone(settings)
    there = {file.url for hour in sorted(set(partitions.values())) for file in list_files(zone, hour)}
    return {url: hour for url, hour in sorted(partitions.items()) if url in there}


def _now(events: pl.DataFrame, today: PriceBook, other: PriceBook, now: datetime) -> pl.DataFrame:
    made_now = events.with_columns(started_at=pl.lit(now).cast(events.schema["started_at"]))
    costs = [
        price_events(made_now, book)["cost_usd"].alias(name)
        for book, name in ((today, "now_usd"), (other, "new_usd"))
    ]
    return (
        events.select("provider", model="canonical_model")
        .with_columns(costs)
        .group_by(_MODEL)
        .agg(pl.len().alias("event_count"), pl.col("now_usd", "new_usd").sum())
    )


def _repriced(events: pl.DataFrame, other: PriceBook) -> pl.DataFrame:
    """Events with what they cost by the other book as `*_new`, and whether anything of it is new."""
    new = price_events(events, other).select(pl.col(_PRICES).name.suffix("_new"))
    return events.with_columns(new.get_columns()).with_columns(
        is_changed=pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_new")) for name in _PRICES)
    )


def _changes(repriced: pl.DataFrame) -> pl.DataFrame:
    before, after = pl.col("cost_usd"), pl.col("cost_usd_new")
    return (
        repriced.filter("is_changed")
        .group_by("provider", model="canonical_model")
        .agg(
            pl.len().alias("repriced_count"),
            (before.is_null() & after.is_not_null()).sum().alias("newly_priced_count"),
            (before.is_not_null() & after.is_null()).sum().alias("newly_unpriced_count"),
            before.sum().alias("before_usd"),
            after.sum().alias("after_usd"),
        )
    )


def _by_model(parts: list[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat([pl.DataFrame(schema=_SCHEMA), *parts], how="diagonal_relaxed")
    return (
        whole.group_by(_MODEL)
        .agg(pl.col(*_COUNTS).sum(), pl.col(*_AMOUNTS).sum())
        .cast(pl.Schema(_SCHEMA))
        .filter((pl.col("now_usd") != pl.col("new_usd")) | (pl.col("repriced_count") > 0))
        .sort(_MODEL)
    )
