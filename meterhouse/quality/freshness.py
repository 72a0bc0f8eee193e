"""How fresh the data of each connection are, against the lag that the connection itself has had.

A provider's usage and bills arrive late, each account's in its own rhythm; so the measure is what the sync log tells of
this very connection: how old its newest day was, whenever a sync looked. What belongs here: that comparison, in words.
What does not: whether a connection works (`connections/status.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from shlex import quote

from dlt_sources.contract import Provider
from meterhouse.connections import registry, sync_log
from meterhouse.control.tables import ConnectionRow, SyncRunRow
from meterhouse.settings import Settings

REMEMBERED = timedelta(days=28)
"""The usual lag is that of so many days: long enough to hold quiet weekends."""
LEARNED_AFTER = timedelta(days=7)
"""Until a connection was synced for so long, its provider's own freshness stands for the usual lag."""
USUAL_SHARE = 0.95
TOLERANCE_SHARE = 0.25
LEAST_TOLERANCE = timedelta(hours=3)


@dataclass(frozen=True)
class Freshness:
    """How old the newest data of a connection are, in words; `next_step` is None when that is as usual."""

    connection: str
    is_fresh: bool
    sentence: str
    next_step: str | None = None


def check_freshness(settings: Settings, provider: Provider, now: datetime) -> list[Freshness]:
    """Compare the age of the newest data of each connection that is not paused with its usual age."""
    return [
        freshness_of(provider, connection, sync_log.successes(settings, connection.id, now - REMEMBERED), now)
        for connection in registry.find(settings, provider.name)
        if not connection.is_paused
    ]


def freshness_of(
    provider: Provider, connection: ConnectionRow, runs: Sequence[SyncRunRow], now: datetime
) -> Freshness:
    """Judge one connection.

    Args:
        provider: Its provider.
        connection: The connection.
        runs: Its succeeded runs of the days that are remembered, oldest first.
        now: The current time.
    """
    name = f"{provider.title} `{connection.name}`"
    newest, ages = _ages_before_news(runs)
    if newest is None:
        return Freshness(connection.name, True, f"{name}: no usage in the days that were read.")
    age = now - newest
    is_learned = newest - runs[0].started_at >= LEARNED_AFTER
    usual = _usual(ages) if is_learned and ages else provider.freshness
    tolerated = usual + max(usual * TOLERANCE_SHARE, LEAST_TOLERANCE) if is_learned and ages else usual
    sentence = (
        f"{name}: last data {_hours(age)} h ago, "
        + ("usual is " if is_learned and ages else "this provider's is at most ")
        + f"{_hours(usual)} h."
    )
    if age <= tolerated:
        return Freshness(connection.name, True, sentence)
    return Freshness(
        connection.name,
        False,
        sentence,
        f"If the account is still in use, run `meterhouse sync {quote(connection.name)}`; when that succeeds and "
        "brings nothing, compare with the provider's own usage page.",
    )


def _ages_before_news(runs: Sequence[SyncRunRow]) -> tuple[datetime | None, list[timedelta]]:
    """The start of the newest day with data, and how old the newest one then known was at each sync up to its coming.

    Syncs since then tell of the present silence, which is not to become usual by lasting.
    """
    newest: datetime | None = None
    ages: list[timedelta] = []
    since: list[timedelta] = []
    for run in runs:
        if newest is not None:
            since.append(run.started_at - newest)
        if run.last_data_day is None:
            continue
        day = datetime.combine(run.last_data_day, time(), UTC)
        if newest is None or day > newest:
            newest, ages, since = day, ages + since, []
    return newest, ages


def _usual(ages: Sequence[timedelta]) -> timedelta:
    """The age that so great a share of the syncs found or less; the rest are outages."""
    return sorted(ages)[math.ceil(USUAL_SHARE * len(ages)) - 1]


def _hours(span: timedelta) -> int:
    return round(span / timedelta(hours=1))
