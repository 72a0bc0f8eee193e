"""What the rules remember of the event files: their compact columns, as long as a window can still reach them.

A batch is one judged event file. Its row stays for good, as the memory of having judged the file; its events are
dropped once no rule can need them. What belongs here: storing, loading and dropping batches. What does not: judging.
"""

import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from meterhouse.alerts.metrics import EVENT_COLUMNS
from meterhouse.control.tables import AlertBatchRow

LATENESS = timedelta(hours=48)
"""An event this late is still judged exactly."""
BACKFILL_TIME = timedelta(hours=6)
"""Files of old events are kept this long after they were judged, so that a backfill is judged as one."""
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

_SILENCE = "silence"
"""Name of the one row that stands for no file: until when groups that fell silent have been judged."""
_QUERY_SIZE = 500


def store(session: Session, file_url: str, events: pl.DataFrame, judged_at: datetime) -> None:
    """Remember a file as judged, with the `EVENT_COLUMNS` of its events."""
    buffer = io.BytesIO()
    events.select(EVENT_COLUMNS).write_ipc_stream(buffer, compression="zstd")
    session.add(
        AlertBatchRow(
            file_url=file_url,
            min_started_at=_time(events["started_at"].min()),
            max_started_at=_time(events["started_at"].max()),
            event_count=len(events),
            events=buffer.getvalue() if len(events) else None,
            judged_at=judged_at,
        )
    )
    session.flush()


def load(session: Session, since: datetime) -> pl.DataFrame:
    """The events of every remembered batch that reaches to `since` or beyond; `EVENT_COLUMNS`, where remembered."""
    query = select(AlertBatchRow.events).where(
        AlertBatchRow.max_started_at >= since, AlertBatchRow.events.is_not(None)
    )
    frames = [pl.read_ipc_stream(events) for events in session.scalars(query) if events]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def forget(session: Session, longest_window: timedelta, now: datetime) -> None:
    """Drop the events that no rule can need any more."""
    session.execute(
        update(AlertBatchRow)
        .where(
            AlertBatchRow.events.is_not(None),
            AlertBatchRow.max_started_at < now - longest_window - LATENESS,
            AlertBatchRow.judged_at < now - BACKFILL_TIME,
        )
        .values(events=None)
    )


def forgotten_until(session: Session) -> datetime:
    """Start of the latest event that was dropped; windows that reach back to it cannot be judged any more."""
    newest = session.scalar(
        select(func.max(AlertBatchRow.max_started_at)).where(
            AlertBatchRow.events.is_(None), AlertBatchRow.event_count > 0
        )
    )
    return newest or BEGINNING


def judged(session: Session, file_urls: Iterable[str]) -> set[str]:
    """Those of the files that have been judged."""
    urls = list(file_urls)
    found: set[str] = set()
    for start in range(0, len(urls), _QUERY_SIZE):
        part = urls[start : start + _QUERY_SIZE]
        found.update(session.scalars(select(AlertBatchRow.file_url).where(AlertBatchRow.file_url.in_(part))))
    return found


def silence_judged_until(session: Session) -> datetime:
    """Until when every group, also those without new events, has been judged."""
    row = session.get(AlertBatchRow, _SILENCE)
    return row.judged_at if row else BEGINNING


def remember_silence(session: Session, until: datetime) -> None:
    """Every group has been judged until this time."""
    session.merge(AlertBatchRow(file_url=_SILENCE, event_count=0, judged_at=until))


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
