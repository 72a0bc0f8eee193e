"""What really happened: some days of AI calls of one company, with every complication to be explained.

What belongs here: which calls happen and which of them are special. What does not: the numbers that follow
from them (`ledger`), the servers that show them (`server`).
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from sandbox.books import TOLD_AFTER, Charge, Restatement, as_billed, charges_beside_usage, charges_of
from sandbox.calls import Call, Caller, Metering
from sandbox.schedule import draw_times, midnight
from sandbox.services import (
    ACCOUNTS,
    COVERS,
    DEEP_RESEARCH,
    LABS_CHAT,
    LABS_EMBEDDINGS,
    LIVE_CHAT,
    METERED_SERVICES,
    REVIEW,
    SHADOW,
    TRAILERS,
)
from sandbox.trace import Size, read_trace
from sandbox.traffic import Event, event_of, events_of

RUNAWAY_SIZES = (Size(5538, 697), Size(7434, 46), Size(7436, 405), Size(6820, 550), Size(7423, 310))
"""Recorded calls whose running average cost on o1-pro is 1.2489, 1.1958, exactly 1.25, 1.27575, ... USD."""
RUNAWAY_MINUTES = (48, 37, 26, 14, 6)
"""How long before `now` the runaway calls start."""
LATE_CALLS = 6
"""Calls just before a midnight that the provider books on the next day."""
STREAMS_WITHOUT_USAGE_PER_DAY = 12
UNMETERED_CHATS_PER_DAY = 25
UNMETERED_EMBEDDINGS_PER_DAY = 20
UNMETERED_BEDROCK_CALLS_PER_DAY = 9
IMAGES_PER_DAY = 7
VIDEOS_PER_DAY = 2
DUPLICATE_SHARE = 0.01


@dataclass(frozen=True)
class World:
    """Everything that happened from `first_day` to `now`, and what the providers wrote in their books."""

    days: int
    seed: int
    now: datetime
    calls: tuple[Call, ...]
    """Every call, in order of start."""
    runaway_calls: tuple[Call, ...]
    """The calls of the agent over its limit, in order; also part of `calls`."""
    charges: tuple[Charge, ...]
    accounts: tuple[str, ...]
    """Accounts the company has."""

    @property
    def today(self) -> date:
        """The UTC day that has not ended."""
        return self.now.date()

    @property
    def closed_days(self) -> tuple[date, ...]:
        """The whole UTC days, in order."""
        return tuple(self.today - timedelta(days=back) for back in range(self.days, 0, -1))

    def is_told(self, account: str, day: date) -> bool:
        """Whether the books of an account tell a day: a whole one, which not every provider tells at its end."""
        last_told = (self.now - TOLD_AFTER.get(account, timedelta(0))).date() - timedelta(days=1)
        return self.closed_days[0] <= day <= last_told

    @property
    def events(self) -> list[Event]:
        """Every delivery of every metered call but the runaway ones; duplicates stand at the end."""
        runaway = {call.event_id for call in self.runaway_calls}
        return list(events_of(call for call in self.calls if call.event_id not in runaway))

    @property
    def runaway_events(self) -> list[Event]:
        """The events of the agent over its limit, in order, to land last."""
        return [event_of(call) for call in self.runaway_calls]

    def restated(self, account: str, day: date, change: Restatement) -> "World":
        """Return the world after the provider of `account` restated one day of its books."""
        books: list[Charge] = []
        for charge in self.charges:
            is_restated = charge.account == account and charge.booked_at.date() == day
            after = change(charge) if is_restated else charge
            if after is not None:
                books.append(after)
        return replace(self, charges=tuple(books))


def build_world(days: int, seed: int, now: datetime, accounts: Iterable[str] = ACCOUNTS) -> World:
    """Build the world of the last `days` whole UTC days and of today up to `now`.

    The same arguments give the same world. With fewer `accounts` their services make all the recorded calls; OpenAI's
    is always one of them.

    Raises:
        ValueError: If there is no whole day, or `now` has no time zone.
    """
    if days < 1:
        raise ValueError(f"a world needs at least one whole day, got {days}")
    if now.tzinfo is None:
        raise ValueError("a world needs `now` with a time zone")
    now = now.astimezone(UTC)
    rng = random.Random(seed)
    caller = Caller(rng, f"{days}/{seed}/{now.isoformat()}")
    start = midnight(now) - timedelta(days=days)

    chosen = tuple(account for account in ACCOUNTS if account in {"openai", *accounts})
    sizes = _without(read_trace(), RUNAWAY_SIZES)
    late_starts = _late_midnights(start, days)
    late_count = LATE_CALLS * len(late_starts)
    ordinary, late = sizes[: len(sizes) - late_count], sizes[len(sizes) - late_count :]

    calls = _ordinary_calls(caller, rng, ordinary, start, now, chosen)
    calls += _late_calls(caller, rng, late, late_starts)
    calls += _extra_calls(caller, rng, sizes, start, now, chosen)
    runaway = tuple(
        caller.call(DEEP_RESEARCH, size, now - timedelta(minutes=minutes))
        for size, minutes in zip(RUNAWAY_SIZES, RUNAWAY_MINUTES, strict=True)
    )
    calls += runaway
    calls.sort(key=lambda call: (call.started_at, call.event_id))

    charges = [charge for call in calls for charge in charges_of(call)]
    charges += charges_beside_usage(chosen, start + timedelta(hours=9))
    return World(days, seed, now, tuple(calls), runaway, tuple(as_billed(charges)), chosen)


def _without(sizes: list[Size], taken: tuple[Size, ...]) -> list[Size]:
    left = list(sizes)
    for size in taken:
        left.remove(size)
    return left


def _late_midnights(start: datetime, days: int) -> list[datetime]:
    """Every third midnight between two whole days, so that two late bookings never meet on one day."""
    return [start + timedelta(days=day) for day in range(1, days, 3)]


def _ordinary_calls(
    caller: Caller,
    rng: random.Random,
    sizes: list[Size],
    start: datetime,
    now: datetime,
    accounts: tuple[str, ...],
) -> list[Call]:
    possible = [service for service in METERED_SERVICES if service.accounts <= set(accounts)]
    times = draw_times(rng, start, now, len(sizes))
    services = rng.choices(possible, [service.weight for service in possible], k=len(sizes))
    return [
        caller.call(service, size, moment, deliveries=2 if rng.random() < DUPLICATE_SHARE else 1)
        for service, size, moment in zip(services, sizes, times, strict=True)
    ]


def _late_calls(
    caller: Caller, rng: random.Random, sizes: list[Size], midnights: list[datetime]
) -> list[Call]:
    turns = [turn for turn in midnights for _ in range(LATE_CALLS)]
    return [
        caller.call(
            REVIEW,
            size,
            turn - timedelta(seconds=rng.randint(10, 240)),
            booked_at=turn + timedelta(seconds=rng.randint(1, 60)),
        )
        for turn, size in zip(turns, sizes, strict=True)
    ]


def _extra_calls(
    caller: Caller,
    rng: random.Random,
    sizes: list[Size],
    start: datetime,
    now: datetime,
    accounts: tuple[str, ...],
) -> list[Call]:
    """Make the calls beyond the recorded ones: nobody metered them, or not their usage, or they use no tokens."""
    length = (now - start) / timedelta(days=1)
    kinds = (
        (LIVE_CHAT, Metering.USAGE_MISSING, STREAMS_WITHOUT_USAGE_PER_DAY),
        (LABS_CHAT, Metering.NONE, UNMETERED_CHATS_PER_DAY),
        (LABS_EMBEDDINGS, Metering.NONE, UNMETERED_EMBEDDINGS_PER_DAY),
        (SHADOW, Metering.NONE, UNMETERED_BEDROCK_CALLS_PER_DAY),
        (COVERS, Metering.FULL, IMAGES_PER_DAY),
        (TRAILERS, Metering.FULL, VIDEOS_PER_DAY),
    )
    return [
        caller.call(service, rng.choice(sizes), moment, metering=metering)
        for service, metering, per_day in kinds
        if service.accounts <= set(accounts)
        for moment in draw_times(rng, start, now, round(per_day * length))
    ]
