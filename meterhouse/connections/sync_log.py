"""The sync log: what each pull asked for and how it ended, and from it the window to ask for next.

What belongs here: rows of `sync_runs`. What does not: pulling (`sync.py`), judging a connection's health
(`status.py`).
"""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session
from uuid_utils import UUID, uuid7

from dlt_sources.contract import LASTING_FAULTS, Fault, Provider, Window
from meterhouse.control.database import reading, session
from meterhouse.control.tables import ConnectionRow, SyncRunRow
from meterhouse.errors import UsageError
from meterhouse.settings import Settings

RUNNING, SUCCEEDED, FAILED = "running", "succeeded", "failed"
ONE_DAY = timedelta(days=1)
_ID_STEP_MILLISECONDS = 1_000
_UNMENDED_BY_WAITING = LASTING_FAULTS | {Fault.CONTRACT}


def start(settings: Settings, connection_id: str, window: Window, now: datetime) -> str:
    """Note that a sync of the window began; returns the run's id, which sorts behind those of earlier runs.

    A run that is never finished (its process was killed) stays `running` and counts for nothing.
    """
    with session(settings) as opened:
        earlier = select(func.max(SyncRunRow.id)).where(SyncRunRow.connection_id == connection_id)
        run = SyncRunRow(
            id=_id_behind(opened.scalar(earlier)),
            connection_id=connection_id,
            window_start=window.start,
            window_end=window.end,
            started_at=now,
            status=RUNNING,
        )
        opened.add(run)
    return run.id


def succeed(
    settings: Settings,
    run_id: str,
    row_count: int,
    last_data_day: date | None,
    now: datetime,
    request_count: int = 0,
) -> None:
    """Note that the run loaded every day of its window.

    Args:
        settings: Where the installation lives.
        run_id: The run.
        row_count: Rows pulled, over all reports.
        last_data_day: Newest day that had rows; None when the account had no usage.
        now: When it ended.
        request_count: Requests that left for the provider.
    """
    _finish(
        settings,
        run_id,
        status=SUCCEEDED,
        row_count=row_count,
        last_data_day=last_data_day,
        ended_at=now,
        request_count=request_count,
    )


def fail(
    settings: Settings,
    run_id: str,
    fault: Fault | None,
    message: str,
    next_step: str | None,
    now: datetime,
    request_count: int = 0,
) -> None:
    """Note that the run failed.

    Args:
        settings: Where the installation lives.
        run_id: The run.
        fault: The provider's fault; None when the failure was on our side.
        message: One sentence, without secrets.
        next_step: How to mend it.
        now: When it ended.
        request_count: Requests that left for the provider.
    """
    _finish(
        settings,
        run_id,
        status=FAILED,
        fault=fault and fault.value,
        message=message,
        next_step=next_step,
        ended_at=now,
        request_count=request_count,
    )


def due_at(
    settings: Settings, connection: ConnectionRow, provider: Provider, now: datetime
) -> datetime | None:
    """When the next routine sync of a connection is due; None when it is now.

    One is due in each of the provider's intervals. A run that failed for a passing reason, or on our side, is
    tried again at once; one that waiting does not mend is not, since every try may cost money, unless the
    credentials were proven good since. A run begun in the future tells of a clock that was wrong, and nothing else.
    """
    if not provider.interval:
        return None
    with reading(settings) as opened:
        last = opened.scalar(
            select(SyncRunRow)
            .where(SyncRunRow.connection_id == connection.id, SyncRunRow.ended_at.is_not(None))
            .order_by(SyncRunRow.ended_at.desc(), SyncRunRow.id.desc())
            .limit(1)
        )
    if last is None or last.ended_at is None or last.window_end <= last.started_at.date():
        return None
    was_proven_since = connection.checked_at is not None and connection.checked_at > last.ended_at
    if last.status == FAILED and (last.fault not in _UNMENDED_BY_WAITING or was_proven_since):
        return None
    next_due = _next_interval(last.started_at, provider.interval)
    return next_due if last.started_at <= now < next_due else None


def requests_spent(settings: Settings, connection_id: str, since: datetime) -> tuple[int | None, int]:
    """Requests of the last run that ended, None without one, and of all runs that began since a time."""
    ended = (SyncRunRow.connection_id == connection_id, SyncRunRow.request_count.is_not(None))
    with reading(settings) as opened:
        last = opened.scalar(
            select(SyncRunRow.request_count).where(*ended).order_by(SyncRunRow.ended_at.desc()).limit(1)
        )
        spent = select(func.sum(SyncRunRow.request_count)).where(*ended, SyncRunRow.started_at >= since)
        return last, int(opened.scalar(spent) or 0)


def last_success(settings: Settings, connection_id: str) -> SyncRunRow | None:
    """The last run of a connection that succeeded."""
    with reading(settings) as opened:
        return opened.scalar(_successes(connection_id).order_by(SyncRunRow.id.desc()).limit(1))


def successes(settings: Settings, connection_id: str, since: datetime) -> list[SyncRunRow]:
    """The runs of a connection that began since a time and succeeded, oldest first."""
    runs = _successes(connection_id).where(SyncRunRow.started_at >= since)
    with reading(settings) as opened:
        return list(opened.scalars(runs.order_by(SyncRunRow.id)))


def history(settings: Settings, connection_id: str, limit: int) -> list[SyncRunRow]:
    """The newest runs of a connection, newest first, those that run or were killed included."""
    runs = select(SyncRunRow).where(SyncRunRow.connection_id == connection_id)
    with reading(settings) as opened:
        return list(opened.scalars(runs.order_by(SyncRunRow.id.desc()).limit(limit)))


def telling_runs(opened: Session, connection_id: str) -> list[SyncRunRow]:
    """The runs that tell a connection's status: the last ended, the last succeeded, the newest with data."""
    runs = select(SyncRunRow).where(SyncRunRow.connection_id == connection_id)
    succeeded = runs.where(SyncRunRow.status == SUCCEEDED)
    last_first = (SyncRunRow.ended_at.desc(), SyncRunRow.id.desc())
    found = [
        opened.scalar(runs.where(SyncRunRow.status != RUNNING).order_by(*last_first).limit(1)),
        opened.scalar(succeeded.order_by(*last_first).limit(1)),
        opened.scalar(
            succeeded.where(SyncRunRow.last_data_day.is_not(None))
            .order_by(SyncRunRow.last_data_day.desc())
            .limit(1)
        ),
    ]
    return list({run.id: run for run in found if run is not None}.values())


def window_for(
    settings: Settings,
    connection: ConnectionRow,
    provider: Provider,
    today: date,
    first_day: date | None = None,
    last_day: date | None = None,
) -> Window:
    """The whole UTC days that the next sync asks for; today is among them, provisionally.

    Without `first_day` these are: on the first sync the provider's history; afterwards everything since the
    first day that no succeeded sync covers whole (the day of a sync was unfinished), and the provider's lookback
    before it, that day counted in.

    Args:
        settings: Where the installation lives.
        connection: Whose sync it is.
        provider: Its provider.
        today: The current UTC day.
        first_day: The user's own first day.
        last_day: The user's own last day (inclusive); a later one than today means today.

    Raises:
        UsageError: The days asked for are the wrong way round, or begin after today.
    """
    last = min(last_day or today, today)
    first = first_day or min(_next_first_day(settings, connection, provider, today), last)
    if first > last:
        raise UsageError(
            f"No day to pull lies between {first} and {last} (today is {today}, UTC).",
            "Give --from a day that is not after --to and not after today.",
        )
    return Window(first, last + ONE_DAY)


def _next_first_day(settings: Settings, connection: ConnectionRow, provider: Provider, today: date) -> date:
    succeeded = (SyncRunRow.connection_id == connection.id, SyncRunRow.status == SUCCEEDED)
    windows = (
        select(SyncRunRow.window_start, SyncRunRow.window_end, func.max(SyncRunRow.started_at))
        .where(*succeeded)
        .group_by(SyncRunRow.window_start, SyncRunRow.window_end)
        .order_by(SyncRunRow.window_start)
    )
    with reading(settings) as opened:
        first_success = opened.scalar(
            select(SyncRunRow.started_at).where(*succeeded).order_by(SyncRunRow.started_at)
        )
        covered = opened.execute(windows).all()
    if first_success is None:
        return today - provider.history
    uncovered = first_success.date() - provider.history
    for start_day, end_day, started_at in covered:
        if start_day > uncovered:
            break
        uncovered = max(uncovered, min(end_day, started_at.date()))
    return uncovered + ONE_DAY - max(provider.lookback, ONE_DAY)


def _successes(connection_id: str) -> Select[SyncRunRow]:
    return select(SyncRunRow).where(SyncRunRow.connection_id == connection_id, SyncRunRow.status == SUCCEEDED)


def _id_behind(earlier: str | None) -> str:
    """A new id in the order of time, even when the clock was set back since the earlier one was made."""
    run_id = str(uuid7())
    if earlier is None or run_id > earlier:
        return run_id
    milliseconds = UUID(earlier).int >> 80
    return str(uuid7(nanoseconds=(milliseconds + _ID_STEP_MILLISECONDS) * 1_000_000))


def _next_interval(moment: datetime, interval: timedelta) -> datetime:
    """When the piece of the UTC day that a moment lies in ends."""
    midnight = datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
    return min(midnight + ((moment - midnight) // interval + 1) * interval, midnight + ONE_DAY)


def _finish(settings: Settings, run_id: str, **outcome: object) -> None:
    with session(settings) as opened:
        opened.execute(update(SyncRunRow).where(SyncRunRow.id == run_id).values(**outcome))
