"""Rows of the ledger summed up: totals, days, lines, and what is billed beside usage.

What belongs here: sums and plain JSON. What does not: which rows there are (`ledger`), the rules inside one (`cells`).
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.books import Charge
from sandbox.cells import CAUSES
from sandbox.facts import usd
from sandbox.services import ACCOUNTS

Row = dict[str, Any]


class Beside:
    """What is billed beside usage, by account and day."""

    def __init__(self, charges: Iterable[Charge]) -> None:
        self._charges = [charge for charge in charges if not charge.is_usage]

    @property
    def days(self) -> set[tuple[str, date]]:
        """Accounts and days that have any."""
        return {(charge.account, charge.booked_at.date()) for charge in self._charges}

    def credits_usd(self, account: str, day: date | None = None) -> Decimal:
        """Credits of an account, on a day or on all."""
        return self._sum(account, day, is_credit=True)

    def other_usd(self, account: str, day: date | None = None) -> Decimal:
        """Taxes, fees and adjustments of an account, on a day or on all."""
        return self._sum(account, day, is_credit=False)

    def _sum(self, account: str, day: date | None, is_credit: bool) -> Decimal:
        return sum(
            (
                charge.amount_usd
                for charge in self._charges
                if charge.account == account
                and day in (None, charge.booked_at.date())
                and (charge.category == "credit") == is_credit
            ),
            Decimal(0),
        )


def lines_of(cells: Iterable[Row]) -> list[Row]:
    """Usage as billed and as metered by provider, model and token type."""
    columns = (
        "billed_usd", "billed_quantity", "metered_priced_quantity", "metered_unpriced_quantity", "metered_usd"
    )  # fmt: skip
    sums: dict[tuple[str, str, str], Row] = {}
    for cell in cells:
        key = (cell["provider"], cell["model"] or "", cell["token_type"])
        row = sums.setdefault(key, {name: cell[name] for name in ("provider", "model", "token_type")})
        for column in columns:
            row[column] = row.get(column, 0) + cell[column]
    return [sums[key] for key in sorted(sums)]


def total_of(rows: Iterable[Row], credits_usd: Decimal, other_usd: Decimal, provisional_usd: Decimal) -> Row:
    """Sum matched rows, and add what is billed beside them."""
    rows = list(rows)

    def total(column: str) -> Decimal:
        return sum((row[column] for row in rows), Decimal(0))

    return {
        "billed_usd": total("billed_usd") + credits_usd + other_usd,
        "attributed_usd": total("attributed_usd"),
        "unattributed_usd": total("unattributed_usd"),
        "credits_usd": credits_usd,
        "other_usd": other_usd,
        "metered_usd": total("metered_usd"),
        "variance": {cause: sum((row["variance"][cause] for row in rows), Decimal(0)) for cause in CAUSES},
        "provisional_usd": provisional_usd,
    }


def sum_of(totals: Iterable[Row]) -> Row:
    """The sum of totals, name by name."""
    first, *others = totals
    for other in others:
        first = {
            name: sum_of((value, other[name])) if isinstance(value, dict) else value + other[name]
            for name, value in first.items()
        }
    return first


def daily(rows: list[Row], beside: Beside) -> list[Row]:
    """The totals by account and day, without the estimate."""
    keys = sorted({(row["account"], row["day"]) for row in rows} | beside.days)
    return [
        {
            "provider": ACCOUNTS[account],
            "account": account,
            "day": day,
            **total_of(
                [row for row in rows if (row["account"], row["day"]) == (account, day)],
                beside.credits_usd(account, day),
                beside.other_usd(account, day),
                Decimal(0),
            ),
        }
        for account, day in keys
    ]


def as_text(value: Any) -> Any:
    """Amounts and days as text, all the way down."""
    if isinstance(value, dict):
        return {name: as_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_text(part) for part in value]
    if isinstance(value, Decimal):
        return usd(value)
    return value.isoformat() if isinstance(value, date) else value
