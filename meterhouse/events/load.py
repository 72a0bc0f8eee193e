"""Loading: new files of an hour of arrival, of every kind, into `raw_metering`, at least once and hardly ever twice.

The order is the guarantee. Files are read, checked and priced into the spool with no lock held; under the
warehouse lock they are loaded, and only then written into the ledger. A kill at any point leaves files the
ledger does not know, which the next run loads again; the silver model keeps the latest load of each file
and line. What does not belong here: reading (`reader.py`) and prices (`pricing/`).
"""

import hashlib
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
import duckdb
import polars as pl
import pyarrow as pa
from uuid_utils import uuid7

from meterhouse.control.database import reading, session
from meterhouse.control.tables import LandingFileRow
from meterhouse.events import ledger
from meterhouse.events.kinds import EVENTS, KINDS, OUTCOMES, PROMPTS, RecordKind, kind_of
from meterhouse.events.landing import (
    LandingFile,
    LandingZone,
    LandingZoneError,
    list_files,
    open_landing_zone,
)
from meterhouse.events.ledger import FileStatus
from meterhouse.events.schema import REJECT_SCHEMA
from meterhouse.events.spool import SpooledFile, spool_file, stamp
from meterhouse.pricing.versions import current_book
from meterhouse.settings import Settings
from meterhouse.warehouse.loading import fresh_pipeline
from meterhouse.warehouse.lock import warehouse

DATASET = "raw_metering"
REJECTS = "rejected_events"
_SPOOL_KEPT = timedelta(days=1)
_UNREADABLE = (LandingZoneError, duckdb.Error, pa.ArrowException, pl.exceptions.PolarsError)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadResult:
    """What one load did; counts of files and of lines, refused and repeated ones of any kind."""

    partition: str
    file_count: int = 0
    event_count: int = 0
    outcome_count: int = 0
    prompts_count: int = 0
    rejected_count: int = 0
    duplicate_count: int = 0
    waiting_count: int = 0
    duplicate_file_count: int = 0


@dataclass(frozen=True)
class ReplayResult:
    """Files judged again, and how many of their lines were refused before and are refused now."""

    file_count: int
    rejected_before: int
    rejected_now: int


def partitions_with_new_files(settings: Settings) -> dict[str, str]:
    """Hours of arrival (`YYYY-MM-DDTHH`) with files of any kind that are due, oldest first.

    Returns:
        Per hour a fingerprint of its due files, which changes when they do.

    Raises:
        LandingZoneError: the landing zone cannot be read.
    """
    files = _files(settings, open_landing_zone(settings))
    with reading(settings) as transaction:
        due = ledger.to_load(transaction, files, settings.settle_seconds, datetime.now(UTC))
    by_partition: dict[str, list[str]] = {}
    for file, why in due:
        by_partition.setdefault(file.partition, []).append(f"{file.url} {why}")
    return {
        partition: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
        for partition, lines in sorted(by_partition.items())
    }


def load_partition(settings: Settings, partition: str) -> LoadResult:
    """Load the files of one hour of arrival (`YYYY-MM-DDTHH`) that are due; safe to repeat at any time.

    Raises:
        LandingZoneError: the landing zone cannot be read.
        WarehouseBusyError: the warehouse stayed busy.
    """
    zone = open_landing_zone(settings)
    files = _files(settings, zone, partition)
    now = datetime.now(UTC)
    with reading(settings) as transaction:
        due = [file for file, _ in ledger.to_load(transaction, files, settings.settle_seconds, now)]
    if not due:
        return LoadResult(partition)
    book = current_book(settings)
    with _spool_folder(settings) as folder:
        spooled = []
        for file in due:
            try:
                spooled.append(spool_file(zone, file, book, settings.settle_seconds, now, folder))
            except _UNREADABLE as error:
                spooled.append(_unreadable(file, error, folder))
        with warehouse(settings, f"load the events of {partition}"):
            return _load(settings, partition, spooled, folder)


def replay_rejects(settings: Settings) -> ReplayResult:
    """Judge the lines that could not become events again, by loading their files again; each event still counts once.

    A kill at any point leaves files that the next load takes.

    Raises:
        LandingZoneError: the landing zone cannot be read.
        WarehouseBusyError: the warehouse stayed busy.
    """
    with reading(settings) as transaction:
        before = ledger.files_with_rejects(transaction)
    urls = {url for url, _, _ in before}
    load_again(settings, {url: partition for url, partition, _ in before})
    with reading(settings) as transaction:
        after = [count for url, _, count in ledger.files_with_rejects(transaction) if url in urls]
    return ReplayResult(len(before), sum(count for _, _, count in before), sum(after))


def load_again(settings: Settings, partitions: Mapping[str, str]) -> list[LoadResult]:
    """Load files once more: what they say and cost now replaces what they said, and each event still counts once.

    A kill at any point leaves files that the next load takes.

    Args:
        settings: Where the installation lives.
        partitions: The hour of arrival (`YYYY-MM-DDTHH`) by the file's URL.

    Raises:
        LandingZoneError: the landing zone cannot be read.
        WarehouseBusyError: the warehouse stayed busy.
    """
    with session(settings) as transaction:
        ledger.load_again(transaction, partitions)
    return [load_partition(settings, partition) for partition in sorted(set(partitions.values()))]


def _files(settings: Settings, zone: LandingZone, partition: str | None = None) -> list[LandingFile]:
    """Files of every kind; of prompts only where this installation keeps them."""
    kinds = [kind for kind in KINDS.values() if kind is not PROMPTS or settings.keeps_prompts]
    return [file for kind in kinds for file in list_files(zone, partition, kind)]


def _load(settings: Settings, partition: str, spooled: list[SpooledFile], folder: Path) -> LoadResult:
    """Load what is still due, under the lock: a run that waited for another one may find its files loaded."""
    now = datetime.now(UTC)
    with reading(settings) as transaction:
        files = [file.file for file in spooled]
        due = {file.url for file, _ in ledger.to_load(transaction, files, settings.settle_seconds, now)}
        loaded = ledger.loaded_contents(transaction, [file.content_sha256 for file in spooled])
        last = ledger.last_loaded_at(transaction)
    load_id = str(uuid7())
    loaded_at = now if last is None else max(now, last + timedelta(microseconds=1))
    rows = [_ledger_row(file, loaded, load_id, loaded_at) for file in spooled if file.file.url in due]
    to_append = {row.url for row in rows if row.status == FileStatus.LOADED}
    if to_append:
        appended = [file for file in spooled if file.file.url in to_append]
        _append(settings, folder, appended, load_id, loaded_at)
    with session(settings) as transaction:
        for row in rows:
            ledger.record(transaction, row)
    return _result(partition, rows)


def _unreadable(file: LandingFile, error: Exception, folder: Path) -> SpooledFile:
    """A file that cannot be read: it waits, is tried again by every load, and holds up no other file."""
    reason = f"it cannot be read ({' '.join(str(error).split())[:300]})"
    logger.warning("The event file %s waits: %s.", file.url, reason)
    return SpooledFile(file, "", 0, 0, 0, reason, folder, folder)


def _ledger_row(
    file: SpooledFile, loaded: dict[str, str], load_id: str, loaded_at: datetime
) -> LandingFileRow:
    """What becomes of a file; `loaded` remembers the contents of this load too."""
    first = (
        loaded.setdefault(file.content_sha256, file.file.url) if file.waiting_for is None else file.file.url
    )
    row = LandingFileRow(
        url=file.file.url,
        partition=file.file.partition,
        size_bytes=file.file.size_bytes,
        content_sha256=file.content_sha256,
        first_seen_at=loaded_at,
    )
    if file.waiting_for is not None:
        row.status, row.note = FileStatus.WAITING, f"{file.waiting_for}; it is tried again"
    elif first != file.file.url:
        row.status, row.note = FileStatus.DUPLICATE, f"same content as {first}"
    else:
        row.status, row.load_id, row.loaded_at = FileStatus.LOADED, load_id, loaded_at
        row.line_count = file.event_count + file.rejected_count + file.duplicate_count
        row.good_count, row.rejected_count = file.event_count, file.rejected_count
        row.duplicate_count = file.duplicate_count
    return row


def _append(
    settings: Settings, folder: Path, files: list[SpooledFile], load_id: str, loaded_at: datetime
) -> None:
    """Append the spooled rows to the tables of their kinds and to that of rejects, in one dlt package."""
    parts = {(REJECTS, REJECT_SCHEMA): [file.rejects_path for file in files]}
    for kind in KINDS.values():
        of_kind = [file.events_path for file in files if file.file.kind is kind]
        if of_kind:
            parts[kind.name, kind.warehouse_schema] = of_kind
    resources = []
    for (table, schema), paths in parts.items():
        target = folder / f"{table}.parquet"
        stamp(paths, schema, load_id, loaded_at, target)
        resources.append(_resource(table, schema, target))
    with fresh_pipeline(settings, "metered_events", DATASET) as pipeline:
        pipeline.extract(resources)
        pipeline.normalize()
        pipeline.load()


def _resource(table: str, schema: pa.Schema, file: Path) -> Any:
    def rows() -> Iterator[Any]:
        yield dlt.mark.with_file_import(str(file), "parquet", hints=schema.empty_table())

    return dlt.resource(rows, name=table, write_disposition="append")


@contextmanager
def _spool_folder(settings: Settings) -> Iterator[Path]:
    """A folder for this run alone; those that killed runs left behind are removed after a day."""
    spool = settings.home_path / "spool"
    spool.mkdir(exist_ok=True)
    for left in spool.iterdir():
        if datetime.now(UTC) - datetime.fromtimestamp(left.stat().st_mtime, UTC) > _SPOOL_KEPT:
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=spool) as folder:
        yield Path(folder)


def _result(partition: str, rows: Sequence[LandingFileRow]) -> LoadResult:
    loaded = [row for row in rows if row.status == FileStatus.LOADED]
    return LoadResult(
        partition=partition,
        file_count=len(loaded),
        event_count=_good_count(loaded, EVENTS),
        outcome_count=_good_count(loaded, OUTCOMES),
        prompts_count=_good_count(loaded, PROMPTS),
        rejected_count=sum(row.rejected_count or 0 for row in loaded),
        duplicate_count=sum(row.duplicate_count or 0 for row in loaded),
        waiting_count=sum(row.status == FileStatus.WAITING for row in rows),
        duplicate_file_count=sum(row.status == FileStatus.DUPLICATE for row in rows),
    )


def _good_count(loaded: Sequence[LandingFileRow], kind: RecordKind) -> int:
    return sum(row.good_count or 0 for row in loaded if kind_of(row.url) is kind)
