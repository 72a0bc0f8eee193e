"""Books of an account as plain billed lines, which a provider's server shows in its own shape.

What belongs here: the lines, the truth they hold, the desk and key check of a server with one key in one header,
and small made-up accounts. What does not: any provider's shape (a folder per provider).
"""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Faults, Refusal

Item = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]
Truth = dict[tuple[date, str, str], Decimal]
"""Billed money by day, model and token type."""


@dataclass(frozen=True)
class BookLine:
    """What was used of one thing on one day; money in the currency of the books."""

    date: date
    model: str
    token_type: str
    """As the provider names it: a category, product or service."""
    quantity: int
    amount: Decimal
    """Billed."""
    market: Decimal | None = None
    """What the market asks for it, where that is told beside the bill; else the billed amount."""
    project: str = "proj-1"
    key: str = "key-1"


@dataclass(frozen=True)
class LineBooks:
    """Everything an account knows at a moment."""

    now: datetime
    lines: Sequence[BookLine]
    currency: str = "USD"
    balance: Decimal = Decimal("25.50")

    def between(self, first: date, last: date) -> list[BookLine]:
        """Lines from one day to another, both included, nothing after now."""
        return [line for line in self.lines if first <= line.date <= min(last, self.now.date())]

    @property
    def truth(self) -> Truth:
        """What the bill must come to."""
        sums: Truth = defaultdict(Decimal)
        for line in self.lines:
            sums[line.date, line.model, line.token_type] += line.amount
        return dict(sums)


@dataclass(frozen=True)
class AccountKeys:
    """Keys a server knows: one that may read everything, and one that is accepted but may not."""

    full: str = "key-sandbox-full-0000"
    limited: str = "key-sandbox-limited-0000"


@dataclass
class LineDesk:
    """What a server works from; put other books in to restate."""

    books: LineBooks
    keys: AccountKeys = field(default_factory=AccountKeys)
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def guarded(
    endpoints: Mapping[str, Endpoint], desk: LineDesk, refuse: Refusal, header: str, prefix: str
) -> list[Route]:
    """Routes by `METHOD path` that answer the full key alone: 403 for the limited one, else 401."""

    def guard(endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            sent = request.headers.get(header, "")
            if sent == prefix + desk.keys.full:
                return await endpoint(request)
            return refuse(403 if sent == prefix + desk.keys.limited else 401)

        return answer

    return [
        Route(place.partition(" ")[2], guard(endpoint), methods=[place.partition(" ")[0]])
        for place, endpoint in endpoints.items()
    ]


def grouped(lines: Iterable[BookLine], *names: str) -> dict[tuple[Any, ...], list[BookLine]]:
    """Lines by some of their fields, in the order in which they first come."""
    groups: dict[tuple[Any, ...], list[BookLine]] = defaultdict(list)
    for line in lines:
        groups[tuple(getattr(line, name) for name in names)].append(line)
    return dict(groups)


def small_account(
    first_day: date, days: int, seed: int, models: Sequence[str], token_types: Sequence[str]
) -> LineBooks:
    """Books of some days, seen at noon after the last; every model is used on every day."""
    dice = random.Random(seed)
    lines = [
        BookLine(
            first_day + timedelta(days=n),
            model,
            token_type,
            quantity := dice.randrange(1_000, 900_000),
            quantity * Decimal(dice.randrange(1, 90)) * Decimal("1e-8"),
        )
        for n in range(days)
        for model in models
        for token_type in token_types
    ]
    after = first_day + timedelta(days=days)
    return LineBooks(datetime(after.year, after.month, after.day, 12, tzinfo=UTC), tuple(lines))
