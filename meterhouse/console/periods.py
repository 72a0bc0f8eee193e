"""The days a page is about, as its address asks for them.

What does not belong here: what is shown of these days.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from meterhouse.console.web import Visit
from meterhouse.errors import UsageError

DAYS = 30
"""How many a page shows unless it is asked for others."""


@dataclass(frozen=True)
class Period:
    """Whole UTC days, both ends inclusive."""

    first: date
    last: date

    @property
    def before(self) -> "Period":
        """As many days, right before."""
        return Period(
            self.first - (self.last - self.first) - timedelta(days=1), self.first - timedelta(days=1)
        )


def period_of(visit: Visit, days: int = DAYS) -> Period:
    """The days that the address asks for with `from` and `to`, or `days`; else the last ones up to today.

    Raises:
        UsageError: They are no days, or the wrong way round.
    """
    today = datetime.now(UTC).date()
    asked = visit.asked("days")
    if asked is not None and not (asked.isdigit() and 0 < int(asked) <= 3660):
        raise UsageError(f"{asked!r} is no number of days.", "Give a whole number.")
    last = day_of(visit.asked("to")) or today
    first = day_of(visit.asked("from")) or last - timedelta(days=int(asked or days) - 1)
    if first > last:
        raise UsageError(
            f"No day lies between {first} and {last}.", "Choose a first day that is not after the last."
        )
    return Period(first, last)


def day_of(text: str | None) -> date | None:
    """The day that a parameter of the address names; None where it is missing.

    Raises:
        UsageError: It is no day.
    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day.", "Write days as 2026-01-31.") from None
