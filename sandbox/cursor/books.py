"""What Cursor knows, as plain records: uses of models and members of the team.

What belongs here: the records, the desk of the server, and a small team with its truth. What does not: how Cursor
shows them (`api`).
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sandbox.faults import Faults

CursorTruth = dict[tuple[date, str, str], Decimal]
"""Billed dollars by day, model as Cursor names it, and token type."""


@dataclass(frozen=True)
class TokenUsage:
    """Disjoint tokens of one use, and what they cost in cents."""

    input: int
    output: int
    cache_write: int
    cache_read: int
    total_cents: Decimal


@dataclass(frozen=True)
class UsageEvent:
    """One use of a model; cents are nominal where it is not chargeable."""

    at: datetime
    email: str
    model: str
    is_chargeable: bool
    charged_cents: Decimal
    tokens: TokenUsage | None = None
    """None for a use counted in requests."""
    fee_cents: Decimal | None = None
    kind: str = "Usage-based"
    requests_costs: Decimal = Decimal(1)


@dataclass(frozen=True)
class Member:
    """One member of the team, with what was spent in the current cycle, in cents."""

    email: str
    name: str
    spend_cents: Decimal
    included_spend_cents: Decimal = Decimal(0)
    role: str = "member"


@dataclass(frozen=True)
class CursorBooks:
    """Everything the team knows."""

    events: tuple[UsageEvent, ...] = ()
    members: tuple[Member, ...] = ()
    cycle_start: datetime = datetime(2026, 9, 27, tzinfo=UTC)


@dataclass
class CursorDesk:
    """What the server works from; put other books in to restate."""

    books: CursorBooks
    page_limit: int = 1_000
    """Most items of a page, whatever is asked for."""
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(first_day: date, days: int, seed: int) -> tuple[CursorBooks, CursorTruth]:
    """A team of three over some days: token-based, included and failed uses, and what of it is billed."""
    chance = random.Random(seed)
    emails = ("ada@example.com", "grace@example.com", "zoë@example.com")
    truth: CursorTruth = {}
    events: list[UsageEvent] = []
    for number in range(days):
        day = first_day + timedelta(days=number)
        for _ in range(chance.randint(3, 8)):
            event = _event(chance, day, chance.choice(emails))
            events.append(event)
            if event.is_chargeable:
                key = (day, event.model, "tokens" if event.tokens else "requests")
                truth[key] = truth.get(key, Decimal(0)) + event.charged_cents.scaleb(-2)
    members = tuple(
        Member(
            email,
            email.partition("@")[0].title(),
            sum((e.charged_cents for e in events if e.email == email), Decimal(0)),
        )
        for email in emails
    )
    return CursorBooks(tuple(events), members), truth


def _event(chance: random.Random, day: date, email: str) -> UsageEvent:
    at = datetime.combine(day, time(), UTC) + timedelta(milliseconds=chance.randrange(86_400_000))
    kind, is_chargeable = chance.choice(
        [
            ("Usage-based", True),
            ("Usage-based", True),
            ("Included in Business", False),
            ("Errored, Not Charged", False),
        ]
    )
    model = chance.choice(["claude-4.5-sonnet", "claude-4-sonnet-thinking", "gpt-5"])
    if chance.random() < 0.2:
        requests = Decimal(chance.randint(1, 50)) / 10
        return UsageEvent(at, email, model, is_chargeable, requests * 4, None, None, kind, requests)
    cents = Decimal(chance.randint(1, 10**7)).scaleb(-5)
    fee = Decimal(chance.randint(0, 200)).scaleb(-2) or None
    tokens, written, read, answered = (chance.randint(0, 5_000) for _ in range(4))
    return UsageEvent(
        at,
        email,
        model,
        is_chargeable,
        cents + (fee or 0),
        TokenUsage(tokens, answered, written, read, cents),
        fee,
        kind,
    )
