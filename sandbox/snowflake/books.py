"""What Snowflake's usage views hold, as plain records.

What belongs here: the records, the desk of the server, and a small account with its truth. What does not: how
Snowflake shows them (`api`).
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sandbox.faults import Faults

SnowflakeTruth = dict[tuple[date, str | None, str], Decimal]
"""Billed dollars by day, model (the bill names none) and token type."""


@dataclass(frozen=True)
class FunctionUse:
    """What one AI function used of one model in one hour of one query."""

    hour: datetime
    query_id: str
    function: str
    model: str | None
    input_tokens: int
    output_tokens: int
    credits: Decimal
    user_id: str = "17"


@dataclass(frozen=True)
class MeteredDay:
    """Credits of one service on one day."""

    day: date
    credits: Decimal
    service_type: str = "AI_SERVICES"


@dataclass(frozen=True)
class ContractLine:
    """What one service of one account cost on one day by contract."""

    day: date
    usage: Decimal
    amount: Decimal
    account_name: str = "MY_ACCOUNT"
    account_locator: str = "AB12345"
    service_type: str = "AI_SERVICES"
    currency: str = "USD"
    balance_source: str = "capacity"
    billing_type: str = "consumption"
    is_adjustment: bool = False


@dataclass(frozen=True)
class SnowflakeBooks:
    """Everything the views hold; uses stand in the newest view, older ones in the views before it."""

    uses: tuple[FunctionUse, ...] = ()
    older_uses: tuple[FunctionUse, ...] = ()
    oldest_uses: tuple[FunctionUse, ...] = ()
    metered: tuple[MeteredDay, ...] = ()
    contract: tuple[ContractLine, ...] = ()


@dataclass
class SnowflakeDesk:
    """What the server works from; put other books in to restate."""

    books: SnowflakeBooks
    hidden: set[str] = field(default_factory=set)
    """Views, as SCHEMA.NAME, that are not there or not granted."""
    polls: int = 0
    """How often a statement is still running when asked about."""
    rows_per_partition: int = 1_000
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(first_day: date, days: int, seed: int) -> tuple[SnowflakeBooks, SnowflakeTruth]:
    """An account over some days: functions of some models, other services and accounts, free use, an adjustment."""
    chance = random.Random(seed)
    uses: list[FunctionUse] = []
    metered: list[MeteredDay] = []
    contract: list[ContractLine] = []
    truth: SnowflakeTruth = {}
    for day in (first_day + timedelta(days=n) for n in range(days)):
        used_up = Decimal(0)
        for number in range(chance.randint(2, 5)):
            hour = datetime.combine(day, time(chance.randrange(24)), UTC)
            used = Decimal(chance.randint(1, 10**8)).scaleb(-9)
            model = chance.choice(["claude-4-sonnet", "llama3.1-70b", None])
            tokens = (chance.randint(1, 9_999), chance.randint(1, 9_999))
            uses.append(FunctionUse(hour, f"q{day}-{number}", "AI_COMPLETE", model, *tokens, used))
            used_up += used
        amount = Decimal(chance.randint(1, 10**5)).scaleb(-2)
        metered += [MeteredDay(day, used_up), MeteredDay(day, Decimal(5), "WAREHOUSE_METERING")]
        contract += [
            ContractLine(day, used_up, amount),
            ContractLine(day, Decimal(5), Decimal(10), service_type="WAREHOUSE_METERING"),
            ContractLine(day, Decimal(1), Decimal(2), account_name="OTHER", account_locator="XY99999"),
            ContractLine(day, Decimal(1), Decimal(3), balance_source="free usage"),
            ContractLine(day, Decimal(0), Decimal("-0.5"), is_adjustment=True),
        ]
        truth[day, None, "tokens"] = amount - Decimal("0.5")
    return SnowflakeBooks(tuple(uses), metered=tuple(metered), contract=tuple(contract)), truth
