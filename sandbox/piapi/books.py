"""What the PiAPI server shows: tasks and a balance, and a small random account with its truth.

What belongs here: plain records, and what they cost. What does not: how PiAPI's API shows them (`api.py`).
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

POINTS_PER_USD = 10_000_000
_ACTIONS = {
    "kling": ("video_generation", 6_400_000),
    "flux": ("txt2img", 150_000),
    "music-u": ("generate_music", 500_000),
}


@dataclass(frozen=True)
class Task:
    """One task; `points` is its final cost, `frozen` what is held while it runs."""

    id: int
    task_id: str
    task_model: str
    action: str
    status: str
    created_at: datetime
    usage: int | Decimal
    usage_type: str = "point"
    api_key_id: int = 77
    frozen: int = 0
    consumed: int | Decimal | None = None
    """What the task itself says it cost; None while it is open."""
    is_known: bool = True
    """Whether the task can still be asked about."""
    nanoseconds: int = 0
    """Digits below the microsecond."""


@dataclass(frozen=True)
class PiAPIBooks:
    """Everything the account knows at a moment."""

    now: datetime
    tasks: list[Task]
    balance_usd: Decimal = Decimal("12.345")
    account_id: int = 1234


@dataclass(frozen=True)
class PiAPITruth:
    """What the tasks of an account cost, in USD, per day and (model, action)."""

    money: dict[tuple[date, str, str], Decimal] = field(default_factory=dict)


def small_account(first_day: date, days: int, seed: int) -> tuple[PiAPIBooks, PiAPITruth]:
    """Books of some tasks a day, finished and failed ones, and what they cost to the point."""
    chance = random.Random(seed)
    tasks: list[Task] = []
    money: dict[tuple[date, str, str], Decimal] = {}
    for day in (first_day + timedelta(days=n) for n in range(days)):
        for _ in range(chance.randrange(1, 6)):
            model = chance.choice(list(_ACTIONS))
            action, points = _ACTIONS[model]
            has_failed = chance.random() < 0.2
            usage = 0 if has_failed else points * chance.randrange(1, 4)
            moment = datetime.combine(day, time(), UTC) + timedelta(seconds=chance.randrange(86_400))
            number = 90_000_000 + len(tasks)
            status = "failed" if has_failed else "finished"
            tasks.append(
                Task(
                    number,
                    f"task-{number}",
                    model,
                    action,
                    status,
                    moment,
                    usage,
                    frozen=usage,
                    consumed=usage,
                )
            )
            key = (day, model, action)
            money[key] = money.get(key, Decimal(0)) + Decimal(usage) / POINTS_PER_USD
    now = datetime.combine(first_day + timedelta(days=days), time(6), UTC)
    spent = sum(money.values(), Decimal(0))
    return PiAPIBooks(now, tasks, Decimal(1000) - spent), PiAPITruth(money)
