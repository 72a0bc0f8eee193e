"""The file ledger: which event files were loaded, so that each one counts once.

What belongs here: queries on `landing_files` of the control database. What does not: finding files
(`landing.py`) and loading them (`load.py`).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from meterhouse.control.tables import LandingFileRow
from meterhouse.events.landing import LandingFile

_QUERY_SIZE = 500


class FileStatus(StrEnum):
    """What became of a file."""

    LOADED = "loaded"
    DUPLICATE = "duplicate"
    WAITING = "waiting"


def to_load(
    session: Session, files: Iterable[LandingFile], settle_seconds: float, now: datetime
) -> list[tuple[LandingFile, str]]:
    """Files that are due, each with why: `new`, `changed to <size>`, or `waiting` and now settled.

    A file that waits is due again when it has changed or has not changed for the settle time.
    """
    wanted = list(files)
    known = {
        row.url: (row.size_bytes, row.status)
        for part in _parts([file.url for file in wanted])
        for row in session.execute(
            select(LandingFileRow.url, LandingFileRow.size_bytes, LandingFileRow.status).where(
                LandingFileRow.url.in_(part)
            )
        )
    }
    due = []
    for file in wanted:
        size_bytes, status = known.get(file.url, (None, None))
        if size_bytes is None:
            due.append((file, "new"))
        elif size_bytes != file.size_bytes:
            due.append((file, f"changed to {file.size_bytes} bytes"))
        elif status == FileStatus.WAITING and now - file.modified_at >= timedelta(seconds=settle_seconds):
            due.append((file, "waiting"))
    return due


def loaded_contents(session: Session, sha256s: Iterable[str]) -> dict[str, str]:
    """Of these contents those that were loaded before, each with the file that brought it."""
    return {
        row.content_sha256: row.url
        for part in _parts(list(sha256s))
        for row in session.execute(
            select(LandingFileRow.content_sha256, LandingFileRow.url).where(
                LandingFileRow.content_sha256.in_(part), LandingFileRow.status == FileStatus.LOADED
            )
        )
    }


def last_loaded_at(session: Session) -> datetime | None:
    """Time of the latest load."""
    return session.scalar(select(func.max(LandingFileRow.loaded_at)))


def record(session: Session, row: LandingFileRow) -> None:
    """Write what became of a file; when it was first seen stays as it was."""
    known = session.get(LandingFileRow, row.url)
    if known is not None:
        row.first_seen_at = known.first_seen_at
    session.merge(row)


def files_with_rejects(session: Session) -> list[tuple[str, str, int]]:
    """Loaded files with lines that could not become events: URL, partition, and how many lines."""
    rows = session.execute(
        select(LandingFileRow.url, LandingFileRow.partition, LandingFileRow.rejected_count)
        .where(LandingFileRow.status == FileStatus.LOADED, LandingFileRow.rejected_count > 0)
        .order_by(LandingFileRow.url)
    )
    return [(url, partition, count or 0) for url, partition, count in rows]


def hours_loaded_since(session: Session, since: datetime) -> list[LandingFileRow]:
    """All loaded files of the hours of arrival of which one was loaded since a time."""
    is_loaded = LandingFileRow.status == FileStatus.LOADED
    hours = select(LandingFileRow.partition).where(is_loaded, LandingFileRow.loaded_at >= since)
    return list(session.scalars(select(LandingFileRow).where(is_loaded, LandingFileRow.partition.in_(hours))))


def partitions_of(session: Session, urls: Iterable[str]) -> dict[str, str]:
    """Hour of arrival (`YYYY-MM-DDTHH`) of these files, by URL; of those that are known."""
    return {
        row.url: row.partition
        for part in _parts(list(urls))
        for row in session.execute(
            select(LandingFileRow.url, LandingFileRow.partition).where(LandingFileRow.url.in_(part))
        )
    }


def load_again(session: Session, urls: Iterable[str]) -> None:
    """Make these files due again, as if they had changed; what they say then replaces what they said."""
    for part in _parts(list(urls)):
        session.execute(update(LandingFileRow).where(LandingFileRow.url.in_(part)).values(size_bytes=-1))


def _parts(values: list[str]) -> Iterator[list[str]]:
    return (values[start : start + _QUERY_SIZE] for start in range(0, len(values), _QUERY_SIZE))
