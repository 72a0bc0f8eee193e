"""SQL answered for real: a statement runs in DuckDB over the tables it is given.

What belongs here: running, and what columns came back. What does not: a warehouse's API and the spelling of its values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa


@dataclass(frozen=True)
class Result:
    """What a statement gave: (name, DuckDB type) of every column, and the rows."""

    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


class SqlError(Exception):
    """The statement cannot run; holds DuckDB's words."""


def run(
    tables: Mapping[str, pa.Table],
    statement: str,
    parameters: Sequence[Any] | Mapping[str, Any],
    catalog: str = "",
) -> Result:
    """Run one statement.

    Args:
        tables: by name as `schema.table`.
        statement: SQL that DuckDB understands, with `?` or `$name` for parameters.
        parameters: their values.
        catalog: name of the database the schemas are in; empty for the default one.

    Raises:
        SqlError: it is no such SQL, or names a table that is not there.
    """
    with duckdb.connect(":memory:") as connection:
        if catalog:
            connection.execute(f"attach ':memory:' as {catalog}")
            connection.execute(f"use {catalog}")
        for name, table in tables.items():
            schema = name.partition(".")[0]
            connection.execute(f"create schema if not exists {schema}")
            connection.register("given", table)
            connection.execute(f"create table {name} as select * from given")
            connection.unregister("given")
        try:
            answer = connection.execute(statement, parameters)
        except duckdb.Error as error:
            raise SqlError(str(error)) from None
        columns = [(name, str(kind)) for name, kind, *_ in answer.description or []]
        return Result(columns, answer.fetchall())
