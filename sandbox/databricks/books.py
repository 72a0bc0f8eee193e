"""What Databricks' system tables hold, as plain records.

What belongs here: the records, the desk of the server, and a small account with its truth. What does not: how
Databricks shows them (`api`).
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sandbox.faults import Faults

DatabricksTruth = dict[tuple[date, str | None, str], Decimal]
"""Dollars at list price by day, endpoint and token type."""
START_OF_PRICES = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class UsageRecord:
    """One record of use."""

    record_id: str
    end: datetime
    sku: str
    quantity: Decimal
    product: str = "MODEL_SERVING"
    usage_type: str = "TOKEN"
    endpoint: str | None = None
    record_type: str = "ORIGINAL"
    unit: str = "DBU"
    cloud: str = "AWS"

    @property
    def start(self) -> datetime:
        """When the use began: an hour before its end."""
        return self.end - timedelta(hours=1)


@dataclass(frozen=True)
class ListPrice:
    """What a unit of a SKU costs from some time on, until some time."""

    sku: str
    price: Decimal
    start: datetime = START_OF_PRICES
    end: datetime | None = None
    cloud: str = "AWS"
    currency: str = "USD"


@dataclass(frozen=True)
class DatabricksBooks:
    """Everything the account's system tables hold."""

    usage: tuple[UsageRecord, ...] = ()
    prices: tuple[ListPrice, ...] = ()


@dataclass
class DatabricksDesk:
    """What the server works from; put other books in to restate."""

    books: DatabricksBooks
    warehouse_id: str = "a1b2c3d4e5f60718"
    is_granted: bool = True
    """Whether the system tables may be read."""
    polls: int = 0
    """How often a statement is still running when asked about."""
    rows_per_chunk: int = 1_000
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(first_day: date, days: int, seed: int) -> tuple[DatabricksBooks, DatabricksTruth]:
    """An account over some days: tokens, compute, a price that changed, corrections, and what is no AI."""
    chance = random.Random(seed)
    change = datetime.combine(first_day + timedelta(days=1), time(), UTC)
    serving, search, jobs = "PREMIUM_ANTHROPIC_MODEL_SERVING", "PREMIUM_VECTOR_SEARCH", "PREMIUM_JOBS_COMPUTE"
    prices = (
        ListPrice(serving, Decimal("0.07"), end=change),
        ListPrice(serving, Decimal("0.0825"), start=change),
        ListPrice(search, Decimal("0.28")),
        ListPrice(jobs, Decimal("0.15")),
    )
    records: list[UsageRecord] = []
    truth: DatabricksTruth = {}
    for day in (first_day + timedelta(days=n) for n in range(days)):
        for number in range(chance.randint(3, 6)):
            end = datetime.combine(day, time(number + 2), UTC)
            quantity = Decimal(chance.randint(1, 10**10)).scaleb(-7)
            endpoint = chance.choice(["databricks-claude-sonnet-4-5", "my-endpoint"])
            record = UsageRecord(f"{day}-{number}", end, serving, quantity, endpoint=endpoint)
            records.append(record)
            if chance.random() < 0.4:
                records.append(_corrected(record, "RETRACTION", -quantity))
                records.append(_corrected(record, "RESTATEMENT", quantity / 2))
        end = datetime.combine(day, time(12), UTC)
        records.append(
            UsageRecord(f"{day}-search", end, search, Decimal("1.5"), "VECTOR_SEARCH", "COMPUTE_TIME")
        )
        records.append(UsageRecord(f"{day}-job", end, jobs, Decimal(99), "JOBS", "COMPUTE_TIME"))
    for record in records:
        if record.product != "JOBS":
            (price,) = (
                p
                for p in prices
                if p.sku == record.sku and p.start <= record.end < (p.end or datetime.max.replace(tzinfo=UTC))
            )
            token_type = {"TOKEN": "tokens", "COMPUTE_TIME": "compute_time"}[record.usage_type]
            key = (record.start.date(), record.endpoint, token_type)
            truth[key] = truth.get(key, Decimal(0)) + record.quantity * price.price
    return DatabricksBooks(tuple(records), prices), truth


def _corrected(record: UsageRecord, kind: str, quantity: Decimal) -> UsageRecord:
    name = f"{record.record_id}-{kind.lower()}"
    return UsageRecord(name, record.end, record.sku, quantity, endpoint=record.endpoint, record_type=kind)
