"""What a provider without an API billed: a small random account, and the truth about it.

What belongs here: plain records. What does not: how they look in a file (`files.py`).
"""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

_PRICES = {
    ("llama-3.3-70b-versatile", "input"): Decimal("0.00000059"),
    ("llama-3.3-70b-versatile", "output"): Decimal("0.00000079"),
    ("openai/gpt-oss-120b", "input"): Decimal("0.00000015"),
    ("openai/gpt-oss-120b", "cache_read"): Decimal("0.000000075"),
    ("openai/gpt-oss-120b", "output"): Decimal("0.0000006"),
}


@dataclass(frozen=True)
class BilledLine:
    """One line of the bill: a day of a model's tokens of one kind in one project; money in USD."""

    day: date
    model: str
    token_type: str
    project: str
    tokens: int
    amount: Decimal
    category: str = "Usage"


@dataclass(frozen=True)
class FileBooks:
    """Everything on the bill."""

    lines: list[BilledLine]


@dataclass(frozen=True)
class FileTruth:
    """What was billed, in USD: per day, and per day, model and token type."""

    by_day: dict[date, Decimal] = field(default_factory=dict)
    by_line: dict[tuple[date, str, str], Decimal] = field(default_factory=dict)


def small_account(first_day: date, days: int, seed: int) -> tuple[FileBooks, FileTruth]:
    """Books with some of the models on each day, and a credit on the last."""
    chance = random.Random(seed)
    lines: list[BilledLine] = []
    for day in (first_day + timedelta(days=n) for n in range(days)):
        for (model, token_type), price in _PRICES.items():
            for project in ("search", "support"):
                if chance.random() < 0.7:
                    tokens = chance.randrange(1, 5_000_000)
                    lines.append(BilledLine(day, model, token_type, project, tokens, tokens * price))
    last_day = first_day + timedelta(days=days - 1)
    lines.append(BilledLine(last_day, "", "", "", 0, Decimal("-1.25"), "Credit"))
    truth = FileTruth()
    for line in lines:
        truth.by_day[line.day] = truth.by_day.get(line.day, Decimal(0)) + line.amount
        key = (line.day, line.model, line.token_type)
        truth.by_line[key] = truth.by_line.get(key, Decimal(0)) + line.amount
    return FileBooks(lines), truth
