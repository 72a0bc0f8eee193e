"""How many requests a pull spends: counted where they leave, whatever client sends them.

Some APIs charge for each request (AWS Cost Explorer, $0.01), all of them limit the rate. What belongs here: the
count. What does not: sending (`http.py`, a provider's own client), keeping the count (meterhouse).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spending:
    """Requests that left while it was counting, tries included, by kind (a service that charges, else '')."""

    by_kind: Counter[str] = field(default_factory=Counter)

    @property
    def request_count(self) -> int:
        """Requests of every kind."""
        return self.by_kind.total()


_COUNTING: ContextVar[Spending | None] = ContextVar("spending", default=None)


@contextmanager
def counted_requests() -> Iterator[Spending]:
    """Count the requests that leave in the block; a block inside another counts for itself alone."""
    spending = Spending()
    token = _COUNTING.set(spending)
    try:
        yield spending
    finally:
        _COUNTING.reset(token)


def count_request(kind: str = "") -> None:
    """Note that a request leaves now."""
    spending = _COUNTING.get()
    if spending is not None:
        spending.by_kind[kind] += 1


def requests_spent(kind: str) -> int:
    """Requests of a kind that have left in the block that counts, 0 if none does."""
    spending = _COUNTING.get()
    return 0 if spending is None else spending.by_kind[kind]
