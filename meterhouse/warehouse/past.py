"""The warehouse as it was: the bills that were known at a moment, in a warehouse of its own.

Raw tables keep the rows of every version of a day, and `pulled_days` when each was seen; so the past is the same tables
without the pulls that came later, and the same models over them. What does not belong here: the questions asked of it
(`meterhouse/restatements.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
from filelock import FileLock

from dlt_sources.registry import PROVIDERS
from dlt_sources.source import PULLED_DAYS
from meterhouse.settings import Settings
from meterhouse.warehouse.dbt import run_models
from meterhouse.warehouse.lock import STORAGE_VERSION, quoted, warehouse

_KEPT_WHOLE = ("raw_control", "seeds")


@contextmanager
def bills_known_at(settings: Settings, moment: datetime, selection: str) -> Iterator[Path]:
    """The models of `selection` over the bills that were known before a moment; yields the DuckDB file they are in.

    Names of projects and connections are those of now. The warehouse itself is read only while it is copied from.

    Raises:
        BuildError: A model failed.
        WarehouseBusyError: The warehouse stayed busy.
    """
    past = Settings(home=settings.home_path / "past")
    with FileLock(past.home_path / "past.lock"):
        path = past.warehouse_path
        path.unlink(missing_ok=True)
        with warehouse(settings, "read the bills of the past") as source, duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(f"attach '{quoted(source)}' as present (read_only)")
            connection.execute(f"attach '{quoted(path)}' as past (storage_version '{STORAGE_VERSION}')")
            _copy(connection, moment)
        try:
            run_models(past, selection)
            yield path
        finally:
            path.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    raw = {
        f"raw_{name}": {report.name for report in provider.reports} for name, provider in PROVIDERS.items()
    }
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables where table_catalog = 'present' order by all"
    ).fetchall()
    kept = [(schema, table) for schema, table in tables if schema in raw or schema in _KEPT_WHOLE]
    for schema in sorted({schema for schema, _ in kept}):
        connection.execute(f"create schema past.{schema}")
    for schema, table in sorted(kept, key=lambda one: one[1] != PULLED_DAYS):
        condition = ""
        if table == PULLED_DAYS:
            condition = "where observed_at < $moment"
        elif table in raw.get(schema, ()):
            known = f"(select connection_id, day, content_hash from past.{schema}.{PULLED_DAYS})"  # noqa: S608
            condition = f"where (connection_id, day, content_hash) in {known}"
        connection.execute(
            f'create table past.{schema}."{table}" as from present.{schema}."{table}" {condition}',
            {"moment": moment} if "$moment" in condition else {},
        )
