"""The small account that each provider's folder puts behind its server, in one shape for all.

A folder's module `small` gives `small_server(now, seed)`: an account with lines on the last closed days before `now`
but none on the day before those. What belongs here: the shape. What does not: any provider's books.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from starlette.types import ASGIApp

from sandbox.faults import FaultDesk
from sandbox.world import World, build_world

DAYS = 2
Form = dict[str, str]


@dataclass(frozen=True)
class SmallServer:
    """One provider's API with a small account."""

    app: ASGIApp
    desk: FaultDesk
    form: Callable[[str], Form]
    """What to enter into the credential form to read the account, given where the server listens."""
    weak_form: Callable[[str], Form] | None
    """Take away the right to read, and what to enter then; None where every key may read everything."""
    restate: Callable[[], None]
    """Put other books in: amounts and lines of the same days are other ones."""


def first_day(now: datetime) -> date:
    """The first day with lines."""
    return now.date() - timedelta(days=DAYS)


@cache
def small_world(now: datetime, seed: int) -> World:
    """The world whose books the accounts of OpenAI and Anthropic are."""
    return build_world(DAYS, seed, now, ("openai", "anthropic"))
