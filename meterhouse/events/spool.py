"""The spool: landing files read, checked and priced into typed Parquet, ready to be loaded as it is.

What belongs here: everything about a file that needs no warehouse. What does not: the load (`load.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from meterhouse.events.kinds import EVENTS
from meterhouse.events.landing import LandingFile, LandingZone
from meterhouse.events.reader import FileReading, read_landing_file
from meterhouse.pricing.book import PriceBook
from meterhouse.pricing.price import price_events

_LOAD_COLUMNS = ("load_id", "loaded_at")


@dataclass(frozen=True)
class SpooledFile:
    """One landing file in the spool: its counts, and its rows in two Parquet files, not yet stamped."""

    file: LandingFile
    content_sha256: str
    event_count: int
    rejected_count: int
    duplicate_count: int
    waiting_for: str | None
    """Why nothing of it was read this time."""
    events_path: Path
    rejects_path: Path


def priced(reading: FileReading, book: PriceBook) -> pl.DataFrame:
    """The good events of a file with their prices: their `warehouse_schema` without the load columns."""
    return price_events(pl.DataFrame(reading.events), book)


def spool_file(
    zone: LandingZone, file: LandingFile, book: PriceBook, settle_seconds: float, now: datetime, folder: Path
) -> SpooledFile:
    """Read and check one landing file, price its events, and write it into two Parquet files of the folder.

    Raises:
        LandingZoneError: the file cannot be fetched.
    """
    reading = read_landing_file(zone, file, settle_seconds, now)
    events_path = folder / f"{len(list(folder.iterdir())):06d}.events.parquet"
    rejects_path = events_path.with_suffix("").with_suffix(".rejects.parquet")
    records = priced(reading, book).to_arrow() if file.kind is EVENTS else reading.events
    pq.write_table(records.cast(_without_load(file.kind.warehouse_schema)), events_path)
    pq.write_table(reading.rejects, rejects_path)
    return SpooledFile(
        file=file,
        content_sha256=reading.content_sha256,
        event_count=reading.events.num_rows,
        rejected_count=reading.rejects.num_rows,
        duplicate_count=reading.duplicate_count,
        waiting_for=reading.waiting_for,
        events_path=events_path,
        rejects_path=rejects_path,
    )


def stamp(parts: Sequence[Path], schema: pa.Schema, load_id: str, loaded_at: datetime, target: Path) -> None:
    """Write all parts into one Parquet file of exactly the schema, every row stamped with its load."""
    stamps = {"load_id": load_id, "loaded_at": loaded_at}
    with pq.ParquetWriter(target, schema) as writer:
        for part in parts:
            for batch in pq.ParquetFile(part).iter_batches():
                columns = {
                    field.name: pa.repeat(pa.scalar(stamps[field.name], field.type), batch.num_rows)
                    if field.name in stamps
                    else batch[field.name]
                    for field in schema
                }
                writer.write_table(pa.table(columns, schema=schema))


def _without_load(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field for field in schema if field.name not in _LOAD_COLUMNS])
