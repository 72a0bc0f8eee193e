"""From a provider's reports to dlt resources whose rows are content-addressed.

A report row carries the hash of its whole day and an id made from it, so that loading the same day again
replaces the same rows, and a restated day lies beside the old one. Which version of a day is current is said
by `pulled_days` alone, and that is loaded only after the rows have committed: a kill in between shows nothing
half. Vanished rows, empty days and restatements all follow from this. What does not belong here: pipelines,
locks and destinations.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import dlt
from dlt.common.schema.typing import TMergeDispositionDict, TSchemaContractDict, TTableSchemaColumns
from dlt.extract import DltResource, DltSource
from uuid_utils import uuid7

from dlt_sources.contract import Columns, Credentials, Day, Dimension, Provider, Report, Row, Window

SCHEMA_CONTRACT: TSchemaContractDict = {"tables": "evolve", "columns": "evolve", "data_type": "freeze"}
PULLED_DAYS = "pulled_days"

_DELETE_INSERT: TMergeDispositionDict = {"disposition": "merge", "strategy": "delete-insert"}
_REPORT_COLUMNS: Columns = {
    "connection_id": {"data_type": "text", "nullable": False},
    "day": {"data_type": "date", "nullable": False},
    "content_hash": {"data_type": "text", "nullable": False},
    "row_id": {"data_type": "text", "nullable": False},
}
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
        pull_id: id of the pull, by default a new one.
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
            _report_items(report, credentials, window, pulled) if report.name in wanted else None,
            {**_REPORT_COLUMNS, **report.columns},
            ["row_id"],
        )
        for report in provider.reports
    ]
    resources += [
        _resource(
            dimension.name,
            _dimension_items(dimension, credentials, pulled) if dimension.name in wanted else None,
            {**_DIMENSION_COLUMNS, **dimension.columns},
            ["connection_id", dimension.key],
        )
        for dimension in provider.dimensions
    ]
    return _source(provider.name, resources), pulled


def pulled_days_source(pulled: PulledDays) -> DltSource:
    """The second source of a pull: the versions of its days. Load it only after the rows have committed."""
    rows = _resource(
        PULLED_DAYS,
        lambda: iter([pulled.versions]),
        _PULLED_DAYS_COLUMNS,
        ["connection_id", "report", "day", "pull_id"],
    )
    return _source(pulled.provider, [rows])


def day_version(connection_id: str, report: str, day: Day) -> tuple[str, list[Row]]:
    """Hash of a day's content, and its rows as loaded.

    The hash is over the rows in canonical order without what is null, so that neither the order of an answer
    nor a new field that is always null makes a new version. Rows that are alike are told apart by their
    place.
    """
    ordered = sorted(
        ((_canonical({k: v for k, v in row.items() if v is not None}), row) for row in day.rows), key=_text
    )
    content_hash = _sha256(*(text for text, _ in ordered))
    rows = [
        row
        | {
            "connection_id": connection_id,
            "day": day.day,
            "content_hash": content_hash,
            "row_id": _sha256(connection_id, report, day.day.isoformat(), content_hash, str(place)),
        }
        for place, (_, row) in enumerate(ordered)
    ]
    return content_hash, rows


def _report_items(
    report: Report, credentials: Callable[[], Credentials], window: Window, pulled: PulledDays
) -> Callable[[], Iterator[list[Row]]]:
    def items() -> Iterator[list[Row]]:
        for day in report.fetch(credentials(), window):
            content_hash, rows = day_version(pulled.connection_id, report.name, day)
            pulled.versions.append(
                {
                    "connection_id": pulled.connection_id,
                    "report": report.name,
                    "day": day.day,
                    "content_hash": content_hash,
                    "row_count": len(rows),
                    "pull_id": pulled.pull_id,
                    "observed_at": pulled.observed_at,
                }
            )
            yield rows

    return items


def _dimension_items(
    dimension: Dimension, credentials: Callable[[], Credentials], pulled: PulledDays
) -> Callable[[], Iterator[list[Row]]]:
    def items() -> Iterator[list[Row]]:
        stamp = {"connection_id": pulled.connection_id, "observed_at": pulled.observed_at}
        yield [row | stamp for row in dimension.fetch(credentials())]

    return items


def _resource(
    name: str, items: Callable[[], Iterator[list[Row]]] | None, columns: Mapping[str, Any], key: list[str]
) -> DltResource:
    """A resource whose table exists even when no row ever comes."""

    def extract() -> Iterator[Any]:
        yield dlt.mark.materialize_table_schema()
        if items is not None:
            yield from items()

    resource: DltResource = dlt.resource(
        extract,
        name=name,
        columns=cast(TTableSchemaColumns, {column: dict(hints) for column, hints in columns.items()}),
        primary_key=key,
        write_disposition=_DELETE_INSERT,
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


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _text(pair: tuple[str, Row]) -> str:
    return pair[0]


def _sha256(*parts: str) -> str:
    return hashlib.sha256(_canonical(parts).encode()).hexdigest()
