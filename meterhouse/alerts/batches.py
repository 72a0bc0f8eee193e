"""What the rules remember of the event files: that they were judged, and their events while a window can reach them.

Events stand in chunks, by the hour in which they started; each event id once, in the copy that counts. What belongs
here: storing, loading, mending and dropping chunks. What does not: judging, and sums (`running.py`).
"""

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from meterhouse.alerts.metrics import EVENT_COLUMNS
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import NO_EVENTS
from meterhouse.alerts.windows import BEGINNING
from meterhouse.control.tables import AlertBatchRow, AlertChunkRow, AlertMarkRow

LATENESS = timedelta(hours=48)
"""An event this late is still judged exactly."""
BACKFILL_TIME = timedelta(hours=6)
"""Old events are kept this long after they were judged, so that a backfill is judged as one."""

Span = tuple[datetime, datetime]
"""From one time up to another, both included."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_QUERY_SIZE = 500
_SPANS_AT_ONCE = 100
_CHUNKS_AT_ONCE = 256


def note_judged(session: Session, file_url: str, event_count: int, judged_at: datetime) -> None:
    """Remember a file as judged."""
    session.add(AlertBatchRow(file_url=file_url, event_count=event_count, judged_at=judged_at))


def judged(session: Session, file_urls: Iterable[str]) -> set[str]:
    """Those of the files that have been judged."""
    urls = list(file_urls)
    found: set[str] = set()
    for start in range(0, len(urls), _QUERY_SIZE):
        part = urls[start : start + _QUERY_SIZE]
        found.update(session.scalars(select(AlertBatchRow.file_url).where(AlertBatchRow.file_url.in_(part))))
    return found


def store(session: Session, events: pl.DataFrame, judged_at: datetime) -> int:
    """Remember events (`EVENT_COLUMNS`); the id of the newest chunk."""
    hour = pl.col("started_at").dt.truncate("1h").alias("hour")
    for part in events.select(*EVENT_COLUMNS, hour).partition_by("hour", include_key=False):
        session.add(_chunk(part, judged_at))
    session.flush()
    return newest_chunk(session)


def newest_chunk(session: Session) -> int:
    """Id of the newest chunk; 0 when there is none."""
    return session.scalar(select(func.max(AlertChunkRow.id))) or 0


def stored_after(session: Session, chunk_id: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """The events of each chunk newer than this one, some chunks at a time, with the id of the last of them."""
    while True:
        query = (
            select(AlertChunkRow.id, AlertChunkRow.events)
            .where(AlertChunkRow.id > chunk_id)
            .order_by(AlertChunkRow.id)
            .limit(_CHUNKS_AT_ONCE)
        )
        rows = session.execute(query).all()
        if not rows:
            return
        chunk_id = rows[-1].id
        yield chunk_id, _stacked(row.events for row in rows)


def load(session: Session, spans: Sequence[Span]) -> pl.DataFrame:
    """The remembered events that started within any of the spans, `EVENT_COLUMNS`."""
    merged = _merged(spans)
    chunks: dict[int, bytes] = {}
    for start in range(0, len(merged), _SPANS_AT_ONCE):
        overlaps = (
            and_(AlertChunkRow.max_started_at >= first, AlertChunkRow.min_started_at <= last)
            for first, last in merged[start : start + _SPANS_AT_ONCE]
        )
        query = select(AlertChunkRow.id, AlertChunkRow.events).where(or_(*overlaps))
        chunks |= {row.id: row.events for row in session.execute(query)}
    within = (pl.col("started_at").is_between(first, last) for first, last in merged)
    return _stacked(chunks.values()).filter(pl.any_horizontal(pl.lit(False), *within))


def remove(session: Session, events: pl.DataFrame) -> None:
    """Take events out of their chunks: another copy of each counts now."""
    times = events["started_at"].unique().to_list()
    found: dict[int, AlertChunkRow] = {}
    for time in times:
        chunks = select(AlertChunkRow).where(
            AlertChunkRow.min_started_at <= time, AlertChunkRow.max_started_at >= time
        )
        found |= {row.id: row for row in session.scalars(chunks)}
    gone = events["event_id"].implode()
    for row in found.values():
        known = _read(row.events)
        kept = known.filter(~pl.col("event_id").is_in(gone))
        if len(kept) == 0:
            session.delete(row)
        elif len(kept) < len(known):
            row.events = _written(kept)
    _set_mark(session, "rewritten", rewritten(session) + 1)


def forget(session: Session, reach: timedelta, now: datetime) -> None:
    """Drop the events that no window can need any more, and remember up to when."""
    out_of_reach = (
        AlertChunkRow.max_started_at < now - reach - LATENESS,
        AlertChunkRow.judged_at < now - BACKFILL_TIME,
    )
    newest = session.scalar(select(func.max(AlertChunkRow.max_started_at)).where(*out_of_reach))
    if newest is not None:
        session.execute(delete(AlertChunkRow).where(*out_of_reach))
        _set_mark(session, "forgotten", _microseconds(max(newest, forgotten_until(session))))


def forgotten_until(session: Session) -> datetime:
    """Start of the latest event that was dropped; windows that reach back to it cannot be judged any more."""
    return _time(_mark(session, "forgotten"))


def rewritten(session: Session) -> int:
    """How often chunks were changed after they were stored."""
    return _mark(session, "rewritten") or 0


def silence_judged_until(session: Session) -> datetime:
    """Until when every group, also those without new events, has been judged."""
    return _time(_mark(session, "silence"))


def remember_silence(session: Session, until: datetime) -> None:
    """Every group has been judged until this time."""
    _set_mark(session, "silence", _microseconds(until))


def newly_judged(session: Session, rules: Sequence[Rule]) -> list[Rule]:
    """Those rules that were not judged until now; from now on they are. None the first time rules are judged at all."""
    marks = {
        f"rule {hashlib.sha256(f'{rule.name} {rule.version}'.encode()).hexdigest()[:15]}": rule
        for rule in rules
    }
    known = set(session.scalars(select(AlertMarkRow.name).where(AlertMarkRow.name.startswith("rule "))))
    is_first_time = _mark(session, "rules") is None
    for name in marks.keys() - known:
        _set_mark(session, name, 1)
    session.execute(delete(AlertMarkRow).where(AlertMarkRow.name.in_(known - marks.keys())))
    if is_first_time:
        _set_mark(session, "rules", 1)
        return []
    return [rule for name, rule in marks.items() if name not in known]


def _chunk(events: pl.DataFrame, judged_at: datetime) -> AlertChunkRow:
    times = events["started_at"]
    return AlertChunkRow(
        min_started_at=times.min(), max_started_at=times.max(), events=_written(events), judged_at=judged_at
    )


def _written(events: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    events.write_ipc_stream(buffer, compression="zstd")
    return buffer.getvalue()


def _read(events: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(events)


def _stacked(chunks: Iterable[bytes]) -> pl.DataFrame:
    """The events of some chunks; what an older release did not store is null."""
    return pl.concat([NO_EVENTS, *map(_read, chunks)], how="diagonal")


def _merged(spans: Sequence[Span]) -> list[Span]:
    """The spans without overlaps, in order."""
    merged: list[Span] = []
    for first, last in sorted(span for span in spans if span[0] <= span[1]):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _mark(session: Session, name: str) -> int | None:
    row = session.get(AlertMarkRow, name)
    return row.value if row else None


def _set_mark(session: Session, name: str, value: int) -> None:
    session.merge(AlertMarkRow(name=name, value=value))
    session.flush()


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _time(microseconds: int | None) -> datetime:
    return BEGINNING if microseconds is None else _EPOCH + microseconds * _MICROSECOND
