"""Day buckets: which days of a window to ask for, and how a paged answer becomes whole days.

What belongs here: what all bucketed reports share. What does not: paths, parameters and fields of any
provider.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from dlt_sources.contract import Day, Row, Window
from dlt_sources.errors import broken_contract
from dlt_sources.spool import Spool

Clock = Callable[[], datetime]
"""Tells the present time, with its zone."""


def utc_now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def midnight(day: date) -> datetime:
    """The instant at which a UTC day begins."""
    return datetime.combine(day, time(), UTC)


def begun_days(window: Window, now: datetime) -> list[date]:
    """Days of the window that have begun at least a second ago; a later one cannot be asked about yet."""
    return [day for day in window.days if midnight(day) + timedelta(seconds=1) <= now]


def day_of(said: object, table: str) -> date:
    """The UTC day in a date or time as a provider writes it; a time without a zone is UTC.

    Raises:
        ProviderError: it is neither, or a time other than midnight UTC.
    """
    try:
        start = datetime.fromisoformat(said if isinstance(said, str) else "")
    except ValueError:
        raise broken_contract(f"A row of `{table}` has no day that can be read.") from None
    return bucket_day(start.replace(tzinfo=start.tzinfo or UTC), table)


def bucket_day(start: datetime, table: str) -> date:
    """The UTC day of a bucket that starts at `start`.

    Raises:
        ProviderError: the bucket does not start at midnight UTC.
    """
    utc = start.astimezone(UTC)
    if utc.time() != time():
        raise broken_contract(f"A day of `{table}` starts at {utc.isoformat()}, which is not midnight UTC.")
    return utc.date()


def seen_today(window: Window, now: datetime, rows: list[Row]) -> Iterator[Day]:
    """What an account stands at now, under the present UTC day if the window holds it."""
    if now.date() in window.days:
        yield Day(now.date(), rows)


def in_parts(days: list[date], ask: Callable[[list[date]], Iterable[Day] | None]) -> Iterator[Day]:
    """What `ask` tells about the days; where it answers None, about each half of them alone.

    Of a single day `ask` tells something or raises.
    """
    told = ask(days)
    if told is not None:
        yield from told
        return
    middle = len(days) // 2
    yield from in_parts(days[:middle], ask)
    yield from in_parts(days[middle:], ask)


def whole_days(asked: list[date], buckets: Iterable[tuple[date, list[Row]]], table: str) -> Iterator[Day]:
    """Every asked day once, in order, with all its rows; a day that a complete answer leaves out had none.

    Nothing is yielded before the last page was read; until then rows beyond some thousand wait on disk.

    Raises:
        ProviderError: a bucket lies outside the days that were asked for.
    """
    spool, days = Spool(), dict.fromkeys(asked)
    for day, results in buckets:
        if day not in days:
            raise broken_contract(f"The answer for `{table}` holds {day}, which was not asked for.")
        spool.put(day, results)
    for day in days:
        yield Day(day, spool.rows(day))
