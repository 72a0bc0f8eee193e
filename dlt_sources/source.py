"""From a provider's reports to dlt resources whose rows are content-addressed.

A report row carries the hash of its whole day and an id made from it, so that loading the same day again
replaces the same rows, and a restated day lies beside the old one. Which version of a day is current is said
by `pulled_days` alone, and that is loaded only after the rows have committed: a kill in between shows nothing
half. Vanished rows, empty days and restatements all follow from this. What does not belong here: pipelines,
locks and destinations.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from typing import cast

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TDeleteInsertStrategyDict, TSchemaContractDict, TTableSchemaColumns
from dlt.extract import DltResource, DltSource
from uuid_utils import uuid7

from dlt_sources.contract import Columns, Credentials, Dimension, Provider, Report, Row, Window
from dlt_sources.versions import day_version, empty_table, report_columns, stamped_tables

SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
PULLED_DAYS = "pulled_days"

_BY_KEY: TDeleteInsertStrategyDict = {"disposition": "merge", "strategy": "delete-insert"}
_BY_UNIQUE_KEY: TDeleteInsertStrategyDict = {**_BY_KEY, "deduplicated": True}
"""Row ids of one pull are unique as they are made: DuckDB need not sort a day of millions to find that out."""
_DIMENSION_COLUMNS: Columns = {
    "connection_id": {"data_type": "text", "nullable": False},
    "observed_at": {"data_type": "timestamp", "nullable": False},
}
_PULLED_DAYS_COLUMNS: Columns = {
    "connection_id": {"data_type": "text", "nullable": False},
    "report": {"data_type": "text", "nullable": False},
    "day": {"data_type": "date", "nullable": False},
    "content_hash": {"data_type": "text", "nullable": False},
    "row_count": {"data_type": "bigint", "nullable": False},
    "pull_id": {"data_type": "text", "nullable": False},
    "observed_at": {"data_type": "timestamp", "nullable": False},
}


@dataclass(frozen=True)
class PulledDays:
    """One pull and the versions of days it saw; filled while the source is extracted."""

    provider: str
    connection_id: str
    pull_id: str
    observed_at: datetime
    """When the pull began: what a provider says later in it is at least this fresh."""
    versions: list[Row] = field(default_factory=list)
    """Rows of `pulled_days`."""


def build_source(
    provider: Provider,
    credentials: Callable[[], Credentials],
    window: Window,
    connection_id: str,
    *,
    pull_id: str | None = None,
    observed_at: datetime | None = None,
    tables: Collection[str] | None = None,
) -> tuple[DltSource, PulledDays]:
    """The dlt source of one pull of one connection, and where the versions of its days are collected.

    Args:
        provider: whose reports to pull.
        credentials: called when rows are fetched, never before; dlt sees neither it nor what it returns.
        window: days to pull, whole; days that have not begun are left out.
        connection_id: the account, on every row.
        pull_id: id of the pull, which sorts behind those of earlier pulls; by default a new one by the clock.
        observed_at: when the pull began, by default now.
        tables: names of the tables to fetch (what `check` proved readable), by default all. The others are
            made, empty.

    Returns:
        The source, with one resource per table of the provider, and the `PulledDays` to load after its rows
            committed.
    """
    pulled = PulledDays(
        provider.name, connection_id, pull_id or str(uuid7()), observed_at or datetime.now(UTC)
    )
    wanted = frozenset(provider.tables if tables is None else tables)
    resources = [
        _resource(
            report.name,
            partial(_report_tables, report, credentials, window, pulled) if report.name in wanted else None,
            report_columns(report.columns),
            ["row_id"],
            _BY_UNIQUE_KEY,
        )
        for report in provider.reports
    ]
    resources += [
        _resource(
            dimension.name,
            partial(_dimension_tables, dimension, credentials, pulled) if dimension.name in wanted else None,
            _dimension_columns(dimension),
            ["connection_id", dimension.key],
            _BY_KEY,
        )
        for dimension in provider.dimensions
    ]
    return _source(provider.name, resources), pulled


def pulled_days_source(pulled: PulledDays) -> DltSource:
    """The second source of a pull: the versions of its days. Load it only after the rows have committed."""
    rows = _resource(
        PULLED_DAYS,
        lambda: stamped_tables(pulled.versions, _PULLED_DAYS_COLUMNS, {}),
        _PULLED_DAYS_COLUMNS,
        ["connection_id", "report", "day", "pull_id"],
        _BY_KEY,
    )
    return _source(pulled.provider, [rows])


def _report_tables(
    report: Report, credentials: Callable[[], Credentials], window: Window, pulled: PulledDays
) -> Iterator[pa.Table]:
    """The rows of all days; each day is noted in `pulled` before its rows are handed out."""
    columns, seen = report_columns(report.columns), set[date]()
    for day in report.fetch(credentials(), window):
        if day.day in seen:
            raise RuntimeError(f"The reader of `{report.name}` gave {day.day} twice.")
        seen.add(day.day)
        version = day_version(pulled.connection_id, report.name, day)
        pulled.versions.append(
            {
                "connection_id": pulled.connection_id,
                "report": report.name,
                "day": day.day,
                "content_hash": version.content_hash,
                "row_count": version.row_count,
                "pull_id": pulled.pull_id,
                "observed_at": pulled.observed_at,
            }
        )
        yield from version.tables(columns)


def _dimension_tables(
    dimension: Dimension, credentials: Callable[[], Credentials], pulled: PulledDays
) -> Iterator[pa.Table]:
    stamp = {"connection_id": pulled.connection_id, "observed_at": pulled.observed_at}
    return stamped_tables(dimension.fetch(credentials()), _dimension_columns(dimension), stamp)


def _dimension_columns(dimension: Dimension) -> Columns:
    return {**_DIMENSION_COLUMNS, **dimension.columns}


def _resource(
    name: str,
    tables: Callable[[], Iterable[pa.Table]] | None,
    columns: Columns,
    key: list[str],
    write_disposition: TDeleteInsertStrategyDict,
) -> DltResource:
    """A resource whose table exists even when no row ever comes."""

    def extract() -> Iterator[pa.Table]:
        yield empty_table(columns)
        if tables is not None:
            yield from tables()

    resource: DltResource = dlt.resource(
        extract,
        name=name,
        columns=cast(TTableSchemaColumns, {column: dict(hints) for column, hints in columns.items()}),
        primary_key=key,
        write_disposition=write_disposition,
        schema_contract=SCHEMA_CONTRACT,
        file_format="parquet",
    )()
    return resource


def _source(name: str, resources: list[DltResource]) -> DltSource:
    """The source; no text is taken for a time, whatever it looks like, and nothing becomes a child table."""
    schema = dlt.Schema(name)
    schema.remove_type_detection("iso_timestamp")
    source = DltSource(schema, name, resources)
    source.max_table_nesting = 0
    return source
