"""Retention: prompts are deleted when they are older than the installation keeps them.

What belongs here: deleting whole hours of arrival, in the landing zone, in the warehouse and in the mart built from it.
What does not: publishing without them (`warehouse/publish.py`). Events, outcomes and money are kept for good.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from meterhouse.events.kinds import PROMPTS
from meterhouse.events.landing import delete_file, list_files, open_landing_zone, partition_folder
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

_TABLES = (f"raw_metering.{PROMPTS.name}", "marts.fct_prompts")


@dataclass(frozen=True)
class Purged:
    """What was deleted: files of the landing zone, rows of the warehouse, and rows of the mart."""

    file_count: int
    row_count: int
    mart_row_count: int


def purge_prompts(settings: Settings, now: datetime, days: int | None = None) -> Purged:
    """Delete prompts that arrived in an hour which ended so many days ago; safe to repeat, and to kill and repeat.

    Args:
        settings: Where the installation lives.
        now: Current time, with zone.
        days: How long prompts are kept; by default as the settings say.

    Raises:
        LandingZoneError: The landing zone cannot be read, or a file not deleted.
        WarehouseBusyError: The warehouse stayed busy.
    """
    kept = timedelta(days=settings.prompts_retention_days if days is None else days)
    first_kept = f"{partition_folder(f'{(now - kept).astimezone(UTC):%Y-%m-%dT%H}', PROMPTS)}/"
    zone = open_landing_zone(settings)
    old = [file for file in list_files(zone, kind=PROMPTS) if file.url < first_kept]
    for file in old:
        delete_file(zone, file.url)
    if not settings.warehouse_path.exists():
        return Purged(len(old), 0, 0)
    with warehouse(settings, "delete old prompts") as path, duckdb.connect(path) as database:
        counts = [_deleted(database, table, first_kept) for table in _TABLES]
        if any(counts):
            database.execute("checkpoint")
    return Purged(len(old), *counts)


def _deleted(database: duckdb.DuckDBPyConnection, table: str, first_kept: str) -> int:
    schema, _, name = table.partition(".")
    is_there = database.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, name],
    ).fetchone()
    if not is_there or not is_there[0]:
        return 0
    done = database.execute(f"delete from {table} where file_url < ?", [first_kept]).fetchone()  # noqa: S608
    return int(done[0]) if done else 0
