"""Time buckets and pages, as both providers' reports have them: the page unit is the bucket.

What belongs here: cutting time, opaque cursors, grouping charges. What does not: names of parameters and
fields.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.books import Charge
from sandbox.faults import Desk, EndlessPaging

WIDTHS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
USAGE_LIMITS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1440)}
"""Buckets per page by width: default and most, at both providers (contract openai §1.3, anthropic §2.3)."""

Dimensions = tuple[Any, ...]


class BadRequestError(Exception):
    """A parameter the provider refuses."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.message = message


@dataclass(frozen=True)
class Question:
    """The buckets one request asks for."""

    start: datetime
    end: datetime
    width: timedelta
    limit: int
    cursor: str | None


@dataclass(frozen=True)
class Page:
    """One page of buckets: their bounds, and the cursor to the rest."""

    bounds: list[tuple[datetime, datetime]]
    next_cursor: str | None


def page_of(question: Question, desk: Desk) -> Page:
    """Cut the asked time, as far as it has come, into the buckets of one page.

    Raises:
        BadRequestError: If the cursor is none of ours.
    """
    start, turn = _read_cursor(question.cursor) if question.cursor else (question.start, 0)
    end = min(question.end, desk.world.now)
    bounds: list[tuple[datetime, datetime]] = []
    moment = start
    while moment < end and len(bounds) < question.limit:
        bounds.append((moment, moment + question.width))
        moment += question.width
    match desk.faults.endless_paging:
        case EndlessPaging.SAME_CURSOR:
            return Page(bounds, question.cursor or _write_cursor(start, turn))
        case EndlessPaging.NEW_CURSORS:
            return Page(bounds, _write_cursor(start, turn + 1))
        case _:
            return Page(bounds, _write_cursor(moment, 0) if moment < end else None)


def charges_between(
    charges: Iterable[Charge], bounds: list[tuple[datetime, datetime]], is_meant: Callable[[Charge], bool]
) -> list[list[Charge]]:
    """Sort the meant charges into consecutive buckets by when they were booked."""
    buckets: list[list[Charge]] = [[] for _ in bounds]
    if bounds:
        (first, second), end = bounds[0], bounds[-1][1]
        for charge in charges:
            if first <= charge.booked_at < end and is_meant(charge):
                buckets[(charge.booked_at - first) // (second - first)].append(charge)
    return buckets


def grouped(
    charges: Iterable[Charge], dimensions: Callable[[Charge], Dimensions]
) -> list[tuple[Dimensions, list[Charge]]]:
    """Bring charges of equal dimensions together, in a stable order."""
    groups: dict[Dimensions, list[Charge]] = {}
    for charge in charges:
        groups.setdefault(dimensions(charge), []).append(charge)
    return sorted(groups.items(), key=lambda group: [str(value) for value in group[0]])


def _write_cursor(moment: datetime, turn: int) -> str:
    text = json.dumps([moment.timestamp(), turn])
    return f"page_{base64.urlsafe_b64encode(text.encode()).decode()}"


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    try:
        seconds, turn = json.loads(base64.urlsafe_b64decode(cursor.removeprefix("page_")))
        return datetime.fromtimestamp(seconds, UTC), int(turn)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadRequestError("page", "Invalid page token.") from error
