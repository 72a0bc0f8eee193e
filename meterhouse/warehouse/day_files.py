"""Day files: a large mart as one immutable Parquet file per day, under a name that says the version of the day.

A day whose version was written before is not written again, so publishing costs what changed and not what exists. A
name stands for one content for ever: a file that a killed publish left is as good as any. What does not belong here:
the published DuckDB file, whose views read exactly the files of one publish (`publish`).
"""

import os
import time
from datetime import date
from pathlib import Path
from uuid import uuid4

import duckdb

from meterhouse.disk import sync_to_disk
from meterhouse.warehouse.lock import quoted

MARTS = {
    "fct_transactions": "event_date",
    "fct_attributed_costs": "cost_date",
    "rpt_customer_costs": "report_date",
}
"""Marts that are built by days, with the column that says the day."""
LEAST_ROWS = 100_000
"""A mart with fewer rows is copied into the published file, which then needs nothing beside it."""
KEPT_SECONDS = 3600.0
"""How long a file is kept that no published mart reads any more: for readers that opened the file published before."""


class DayFiles:
    """The day files of one publish."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[Path] = set()
        self._versions: dict[date, str] | None = None

    def write(self, connection: duckdb.DuckDBPyConnection, mart: str) -> str | None:
        """Write what changed of a mart of the attached `warehouse`.

        Returns:
            A query over its files, in the order of days; None when the mart is no large one, and nothing was written.
        """
        if mart not in MARTS:
            return None
        day, table = MARTS[mart], f'warehouse.marts."{mart}"'
        per_day = f"select {day}, count(*) from {table} group by all order by all"  # noqa: S608 (names of our own)
        counts = dict(connection.execute(per_day).fetchall())
        if sum(counts.values()) < LEAST_ROWS:
            return None
        folder = self._folder / mart
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{one}.{self._version(connection, one)}.parquet" for one in counts]
        for one, file in zip(counts, files, strict=True):
            if not file.exists():
                unfinished = file.with_suffix(".unfinished")
                connection.execute(
                    f"copy (from {table} where {day} = date '{one}') to '{quoted(unfinished)}'"
                    " (format parquet, compression zstd)"
                )
                sync_to_disk(unfinished)
                unfinished.replace(file)
        sync_to_disk(folder)
        self._used |= set(files)
        names = ", ".join(f"'{quoted(file)}'" for file in files)
        return f"from read_parquet([{names}], hive_partitioning = false)"

    def remove_old(self) -> None:
        """Remove the files that no mart has read for a while."""
        now = time.time()
        for file in self._used:
            os.utime(file)
        for file in self._folder.glob("*/*"):
            if file not in self._used and now - file.stat().st_mtime > KEPT_SECONDS:
                file.unlink()

    def _version(self, connection: duckdb.DuckDBPyConnection, day: date) -> str:
        """The version of what the marts hold of a day; one of its own where the last build did not end well."""
        if self._versions is None:
            self._versions = _built_versions(connection)
        return self._versions.get(day) or uuid4().hex


def _built_versions(connection: duckdb.DuckDBPyConnection) -> dict[date, str]:
    [(is_there,)] = connection.execute(
        "select count(*) from information_schema.tables where table_catalog = 'warehouse'"
        " and table_schema = 'intermediate' and table_name = 'built_days'"
    ).fetchall()
    if not is_there:
        return {}
    return dict(
        connection.execute(
            "select day, version from warehouse.intermediate.built_days where version <> 'unknown'"
        ).fetchall()
    )
