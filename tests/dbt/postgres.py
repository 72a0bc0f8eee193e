"""The dbt project on a PostgreSQL: raw tables brought there, the project run there, its marts held against DuckDB's.

What belongs here: the other database. What does not: what is in the raw tables (`everything.py`), and publishing, which
copies marts that were built on DuckDB.
"""

import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psycopg
from dbt.cli.main import dbtRunner
from psycopg.conninfo import conninfo_to_dict

from tests.dbt import raw

TYPES = {"VARCHAR": "character varying", "TIMESTAMP": "timestamp without time zone"}
"""What DuckDB calls otherwise than PostgreSQL, but for upper case and blanks."""


@contextmanager
def warehouse(server: str) -> Iterator[str]:
    """URL of an empty database as the project needs it: its clock is UTC, its order of texts that of their bytes."""
    name = f"w{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 lc_collate 'C' lc_ctype 'C.UTF-8'")
        connection.execute(f"alter database {name} set timezone to 'UTC'")
        yield server.rpartition("/")[0] + f"/{name}"
        connection.execute(f"drop database {name} with (force)")


def bring_raw_tables(path: Path, url: str) -> None:
    """Make the raw tables of a PostgreSQL those of a DuckDB warehouse; views that read them stay."""
    file = path.parent / "rows.csv"
    with raw.connect(path) as source, psycopg.connect(url) as target:
        for (schema, table), columns in _columns(source, "raw\\_%").items():
            declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            target.execute(f"create schema if not exists {schema}")
            target.execute(f"create table if not exists {schema}.{table} ({declared})")
            target.execute(f"truncate {schema}.{table}")
            texts = ", ".join(f'"{name}"' for name, kind in columns.items() if kind == "VARCHAR")
            source.execute(
                f"copy {schema}.{table} to '{file}' (format csv, header false, nullstr '\\N', force_quote ({texts}))"
            )
            with (
                target.cursor() as cursor,
                cursor.copy(f"copy {schema}.{table} from stdin (format csv, null '\\N')") as rows,
            ):
                rows.write(file.read_bytes())


def dbt(url: str, folder: Path, *arguments: str) -> list[str]:
    """Runs dbt on a PostgreSQL; names of the nodes that failed or warned, with what was said."""
    where = conninfo_to_dict(url)
    variables = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    places = ["--project-dir", str(raw.PROJECT), "--profiles-dir", str(raw.PROJECT), "--target", "postgres"]
    files = ["--target-path", str(folder), "--log-path", str(folder)]
    with mock.patch.dict(os.environ, {name: str(where[key]) for name, key in variables.items()}):
        done = dbtRunner().invoke([*arguments, "--quiet", *places, *files])
    assert done.exception is None, done.exception
    return [
        f"{result.node.name}: {result.message}"
        for result in done.result.results
        if result.status in ("error", "fail", "warn")
    ]


def differences(path: Path, url: str) -> dict[str, list]:
    """By mart: columns of another type or name, else rows that stand in one of the two databases alone."""
    found = {}
    with raw.connect(path) as duck, psycopg.connect(url) as postgres:
        for (schema, mart), columns in _columns(duck, "marts").items():
            expected = {name.lower(): TYPES.get(kind, kind.lower()) for name, kind in columns.items()}
            there = dict(
                postgres.execute(
                    "select attname, format_type(atttypid, atttypmod) from pg_attribute"
                    f" where attrelid = '{schema}.{mart}'::regclass and attnum > 0"
                ).fetchall()
            )
            if there != {name: kind.replace("decimal", "numeric") for name, kind in expected.items()}:
                found[mart] = [there, expected]
                continue
            rows = Counter(duck.execute(f"select {', '.join(columns)} from {schema}.{mart}").fetchall())
            rows.subtract(postgres.execute(f"select {', '.join(expected)} from {schema}.{mart}").fetchall())
            found[mart] = [(count, row) for row, count in rows.items() if count]
    return {mart: differing for mart, differing in found.items() if differing}


def _columns(duck, schemas: str) -> dict[tuple[str, str], dict[str, str]]:
    """DuckDB's types by column, by table of the schemas of a pattern."""
    found: dict = defaultdict(dict)
    for schema, table, column, kind in duck.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where schema_name like ? escape '\\' and database_name = current_database()"
        " order by schema_name, table_name, column_index",
        [schemas],
    ).fetchall():
        found[schema, table][column] = kind
    return found
