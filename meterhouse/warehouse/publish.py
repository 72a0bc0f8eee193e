"""Publishing: the marts as BI tools see them, replaced whole and at once.

The marts are copied into a new DuckDB file beside the published one, which then takes its name in one step. A reader
that holds the old file keeps its old snapshot; the next one to open sees the new one; nobody waits or sees half. Of a
large mart only the days that changed are written again (`day_files`). Where a PostgreSQL database is set, its marts
follow (`publish_postgres`).
"""

import os
from pathlib import Path

import duckdb

from meterhouse.disk import sync_to_disk
from meterhouse.errors import MeterhouseError
from meterhouse.settings import Settings
from meterhouse.warehouse.day_files import DayFiles
from meterhouse.warehouse.lock import STORAGE_VERSION, quoted, warehouse
from meterhouse.warehouse.publish_postgres import publish_to_postgres

PUBLISHED_SCHEMA = "marts"


class NoMartsError(MeterhouseError):
    """The warehouse holds no mart that could be published."""


def publish(settings: Settings) -> dict[str, int]:
    """Copy every mart into a new file and put it in the place of the published one.

    Returns:
        Row count per published table.

    Raises:
        WarehouseBusyError: The warehouse stayed busy.
        NoMartsError: There is no mart to publish yet.
        PostgresPublishError: The file is published, but PostgreSQL keeps what it had.
    """
    target = settings.published_path
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / f".{target.name}.fresh"
    with warehouse(settings, "publish the marts") as source:
        fresh.unlink(missing_ok=True)
        day_files = DayFiles(target.parent / "days")
        with duckdb.connect() as connection:
            counts = _copy(connection, source, fresh, day_files)
        sync_to_disk(fresh)
        os.replace(fresh, target)  # noqa: PTH105 (the atomic rename is the point)
        sync_to_disk(target.parent)
        day_files.remove_old()
    if settings.publish_postgres_url is not None:
        publish_to_postgres(settings.publish_postgres_url.get_secret_value(), target)
    return counts


def _copy(
    connection: duckdb.DuckDBPyConnection, source: Path, fresh: Path, day_files: DayFiles
) -> dict[str, int]:
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"attach '{quoted(source)}' as warehouse (read_only)")
    names = connection.execute(
        "select table_name from information_schema.tables"
        " where table_catalog = 'warehouse' and table_schema = ? order by all",
        [PUBLISHED_SCHEMA],
    ).fetchall()
    if not names:
        raise NoMartsError(
            "There are no marts to publish yet.", "Run `meterhouse build`: it builds and publishes them."
        )
    connection.execute(f"attach '{quoted(fresh)}' as published (storage_version '{STORAGE_VERSION}')")
    connection.execute(f"create schema published.{PUBLISHED_SCHEMA}")
    counts: dict[str, int] = {}
    for (name,) in names:
        relation = f'{PUBLISHED_SCHEMA}."{name}"'
        by_days = day_files.write(connection, name)
        kind, rows = ("view", by_days) if by_days else ("table", f"from warehouse.{relation}")
        connection.execute(f"create {kind} published.{relation} as {rows}")
        row = connection.execute(f"select count(*) from published.{relation}").fetchone()  # noqa: S608
        counts[name] = row[0] if row else 0
    connection.execute("checkpoint published")
    connection.execute("detach published")
    return counts
