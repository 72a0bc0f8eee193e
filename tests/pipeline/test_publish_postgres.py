"""Publishing to a real PostgreSQL: the same rows, only what changed, whole for readers, and a fault in words."""

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from traceback import format_exception
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from pydantic import SecretStr

from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.publish import publish
from meterhouse.warehouse.publish_postgres import PostgresPublishError, publish_to_postgres

DAY = date(2026, 11, 1)
PASSWORD = "planted-secret-0123456789"


def every_row(settings: Settings, url: str) -> Iterator[tuple[str, list[tuple], list[tuple]]]:
    """Each mart's name, with its rows in the published file and in PostgreSQL."""
    with duckdb.connect(settings.published_path, read_only=True) as marts, psycopg.connect(url) as server:
        marts.execute("set timezone = 'UTC'")
        server.execute("set timezone = 'UTC'")
        for (name,) in marts.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by 1"
        ).fetchall():
            relation = f'select * from marts."{name}"'
            found = marts.execute(relation)
            columns = ", ".join(f'"{column[0]}"' for column in found.description)
            there = server.execute(f'select {columns} from marts."{name}"').fetchall()
            yield name, _plain(found.fetchall()), _plain(there)


def _plain(rows: list[tuple]) -> list[tuple]:
    """Rows in an order of their own, times in UTC whatever class their zone has."""
    times = [
        tuple(
            value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in row
        )
        for row in rows
    ]
    return sorted(times, key=repr)


def mart(
    settings: Settings, rows: list[tuple], columns: str = "day date, name varchar, cost_usd decimal(38, 12)"
) -> None:
    """Publish one small mart of these rows, and one without days."""
    with warehouse(settings, "test") as path, duckdb.connect(path) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(f"create or replace table marts.fct_small ({columns})")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into marts.fct_small values ({marks})", rows)
        connection.execute(
            "create or replace table marts.dim_small as select count(*) as rows from marts.fct_small"
        )
    publish(settings)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_every_mart_is_the_same_to_the_last_digit(built: Settings, postgres_database: str) -> None:
    written = publish_to_postgres(postgres_database, built.published_path)
    seen = 0
    for name, in_file, there in every_row(built, postgres_database):
        assert there == in_file, name
        assert written[name] == len(in_file)
        seen += len(in_file)
    assert seen > 10_000
    assert set(publish_to_postgres(postgres_database, built.published_path).values()) == {0}


@budget(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    histories=st.lists(
        st.lists(
            st.tuples(
                st.none() | st.dates(DAY, date(2026, 11, 4)),
                st.none()
                | st.sampled_from(["", "\\N", "\\.", '"', "a,b", "a\nb\r", "ü", "null"])
                | st.text(max_size=4),
                st.none() | st.decimals("-1e20", "1e20", places=12),
            ),
            max_size=8,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_any_history_of_any_rows_ends_in_the_last_of_them(
    histories: list[list[tuple]], settings: Settings, postgres_database: str
) -> None:
    for rows in histories:
        mart(settings, [(day, name and name.replace("\0", ""), cost) for day, name, cost in rows])
        publish_to_postgres(postgres_database, settings.published_path)
    for name, in_file, there in every_row(settings, postgres_database):
        assert there == in_file, name


def test_only_days_that_changed_are_written(settings: Settings, postgres_database: str) -> None:
    rows = [(date(2026, 11, day), "x", day) for day in range(1, 29)]
    mart(settings, rows)
    assert publish_to_postgres(postgres_database, settings.published_path)["fct_small"] == 28
    mart(settings, [*rows[:-1], (rows[-1][0], "x", 7)])
    assert publish_to_postgres(postgres_database, settings.published_path) == {"dim_small": 0, "fct_small": 1}


def test_a_new_column_keeps_a_users_view_and_a_changed_type_is_told(
    settings: Settings, postgres_database: str
) -> None:
    mart(settings, [(DAY, "x", 1)])
    publish_to_postgres(postgres_database, settings.published_path)
    with psycopg.connect(postgres_database) as server:
        server.execute("create view mine as select name, cost_usd from marts.fct_small")
    mart(settings, [(DAY, "y", 2, 3)], "day date, name varchar, cost_usd decimal(38, 12), calls bigint")
    publish_to_postgres(postgres_database, settings.published_path)
    with psycopg.connect(postgres_database) as server:
        assert server.execute(
            "select name, cost_usd::int, calls from mine join marts.fct_small using (name, cost_usd)"
        ).fetchall() == [("y", 2, 3)]
    mart(settings, [(DAY, "y", 2)], "day date, name varchar, cost_usd bigint")
    with pytest.raises(PostgresPublishError, match="view mine depends on"):
        publish_to_postgres(postgres_database, settings.published_path)
    with psycopg.connect(postgres_database) as server:
        assert server.execute("select name, cost_usd::int from mine").fetchall() == [("y", 2)]


def test_a_mart_that_is_no_more_goes(settings: Settings, postgres_database: str) -> None:
    mart(settings, [(DAY, "x", 1)])
    publish_to_postgres(postgres_database, settings.published_path)
    with warehouse(settings, "test") as path, duckdb.connect(path) as connection:
        connection.execute("drop table marts.dim_small")
    publish(settings)
    assert publish_to_postgres(postgres_database, settings.published_path) == {"fct_small": 0}
    with psycopg.connect(postgres_database) as server:
        assert server.execute("select to_regclass('marts.dim_small')").fetchone() == (None,)


def read_in_a_loop(url: str, stop: Any, answers: Any) -> None:
    reads = 0
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("set statement_timeout = '5s'")
        while not stop.is_set():
            [(rows, said)] = server.execute(
                "select (select count(*) from marts.fct_small), (select rows from marts.dim_small)"
            ).fetchall()
            if rows != said or rows == 0:
                answers.put(f"torn read: {rows} rows, {said} said")
                return
            reads += 1
    answers.put(reads)


def test_a_reader_never_waits_and_never_sees_a_half(settings: Settings, postgres_database: str) -> None:
    mart(settings, [(DAY, "x", 1)])
    publish_to_postgres(postgres_database, settings.published_path)
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    reader = context.Process(target=read_in_a_loop, args=(postgres_database, stop, answers))
    reader.start()
    for generation in range(2, 12):
        mart(settings, [(DAY, "x", number) for number in range(generation)])
        publish_to_postgres(postgres_database, settings.published_path)
    stop.set()
    reads = answers.get(timeout=60)
    reader.join(60)
    assert isinstance(reads, int), reads
    assert reads > 0


def test_a_server_that_is_away_is_told_without_its_password_and_the_file_is_published(
    built: Settings,
) -> None:
    url = f"postgresql://bi:{PASSWORD}@127.0.0.1:1/warehouse"
    before = built.published_path.stat().st_ino
    with pytest.raises(PostgresPublishError) as refused:
        publish(built.model_copy(update={"publish_postgres_url": SecretStr(url)}))
    assert "not published to PostgreSQL (warehouse at 127.0.0.1)" in str(refused.value)
    assert PASSWORD not in "".join(format_exception(refused.value))
    assert built.published_path.stat().st_ino != before
