"""What GitHub bills an account, as plain records.

What belongs here: the records, the desk of the server, and a small account with its truth. What does not: how
GitHub shows them (`api`).
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from sandbox.faults import Faults

GitHubTruth = dict[tuple[date, str | None, str], Decimal]
"""Billed dollars by day, model as GitHub names it, and token type."""
CREDITS, REQUESTS, SEATS = "ai-credits", "requests", "user-months"


@dataclass(frozen=True)
class BilledLine:
    """One line of a day: what was used, what of it the plan includes, in units of one price."""

    day: date
    unit_type: str
    price: Decimal
    gross: Decimal
    discount: Decimal = Decimal(0)
    model: str | None = None
    sku: str = "Copilot AI Credits"
    product: str = "Copilot"

    @property
    def net(self) -> Decimal:
        """Units that are billed."""
        return self.gross - self.discount


@dataclass(frozen=True)
class GitHubBooks:
    """Everything that is billed; AI credits and premium requests have reports of their own beside the whole bill."""

    lines: tuple[BilledLine, ...] = ()


@dataclass
class GitHubDesk:
    """What the server works from; put other books in to restate."""

    books: GitHubBooks
    account: str = "acme"
    account_kind: str = "organization"
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(first_day: date, days: int, seed: int) -> tuple[GitHubBooks, GitHubTruth]:
    """An organization over some days since AI credits began: credits of some models, seats, and other products."""
    chance = random.Random(seed)
    truth: GitHubTruth = {}
    lines: list[BilledLine] = []
    for day in (first_day + timedelta(days=n) for n in range(days)):
        for model in chance.sample(["Claude Sonnet 4.5", "GPT-5", "Gemini 2.5 Pro", "Unheard Of"], 3):
            gross = Decimal(chance.randint(1, 10**6)).scaleb(-3)
            included = min(gross, Decimal(chance.randint(0, 500)))
            lines.append(BilledLine(day, CREDITS, Decimal("0.01"), gross, included, model))
        seat_part = Decimal(chance.randint(1, 99)).scaleb(-2)
        lines.append(BilledLine(day, SEATS, Decimal(19), seat_part, sku="Copilot Business"))
        lines.append(
            BilledLine(day, "minutes", Decimal("0.008"), Decimal(100), sku="Actions Linux", product="Actions")
        )
    types = {CREDITS: "ai_credits", SEATS: "seats"}
    for line in lines:
        if line.product == "Copilot":
            key = (line.day, line.model, types[line.unit_type])
            truth[key] = truth.get(key, Decimal(0)) + line.net * line.price
    return GitHubBooks(tuple(lines)), truth
