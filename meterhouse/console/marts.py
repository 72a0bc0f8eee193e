"""The published marts as pages read them: one read-only connection per question, never the warehouse.

What belongs here: getting rows. What does not: any page's query.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from meterhouse.published import published_marts
from meterhouse.settings import Settings

_ROWS_AT_ONCE = 2_000

Row = dict[str, Any]


def rows(settings: Settings, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows of a query, as dictionaries; values travel as parameters only.

    Raises:
        NothingPublishedError: Nothing is published yet.
    """
    with published_marts(settings) as marts:
        return fetched(marts.execute(sql, dict(parameters or {})))


def fetched(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    """What a query that was executed gave, as dictionaries."""
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def published_at(settings: Settings) -> datetime | None:
    """When the marts were published; None before the first time."""
    try:
        return datetime.fromtimestamp(settings.published_path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None


def streamed(
    settings: Settings,
    sql: str,
    parameters: Mapping[str, Any],
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query one by one, for results of any size, on a connection that was prepared for it.

    Raises:
        NothingPublishedError: Nothing is published yet.
    """
    with published_marts(settings) as marts:
        prepare(marts)
        cursor = marts.execute(sql, dict(parameters))
        while found := cursor.fetchmany(_ROWS_AT_ONCE):
            yield from found
