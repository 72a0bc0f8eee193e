"""A large mart is published as one file per day: each is written once, and again only when its day is another one."""

import os
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from meterhouse.settings import Settings
from meterhouse.warehouse.day_files import KEPT_SECONDS, LEAST_ROWS
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.publish import publish

FIRST, DAYS = date(2026, 11, 1), 4
SUMS = "select event_date, count(*), sum(cost_usd) from marts.fct_transactions group by all order by all"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "o'home")


def fill(settings: Settings, rows: int = LEAST_ROWS) -> None:
    """Calls of DAYS days, each of a version of its own."""
    with warehouse(settings, "test") as path, duckdb.connect(path) as database:
        database.execute("create schema marts; create schema intermediate")
        database.execute(
            f"create table marts.fct_transactions as select date '{FIRST}' + (n % {DAYS})::int as event_date,"
            f" 0.000000000001::decimal(38, 12) * n as cost_usd, 'event-' || n as event_id from range({rows}) as t(n)"
        )
        database.execute("create table marts.fct_small as select 1 as one")
        database.execute(
            "create table intermediate.built_days as"
            " select distinct event_date as day, 'v1-' || event_date as version from marts.fct_transactions"
        )


def change(settings: Settings, day: date, version: str) -> None:
    with warehouse(settings, "test") as path, duckdb.connect(path) as database:
        database.execute(
            "update marts.fct_transactions set cost_usd = cost_usd + 1 where event_date = ?", [day]
        )
        database.execute("update intermediate.built_days set version = ? where day = ?", [version, day])


def seen(settings: Settings) -> list[tuple]:
    with duckdb.connect(settings.published_path, read_only=True) as marts:
        return marts.execute(SUMS).fetchall()


def held(settings: Settings) -> list[tuple]:
    with warehouse(settings, "test") as path, duckdb.connect(path, read_only=True) as database:
        return database.execute(SUMS).fetchall()


def files(settings: Settings) -> dict[str, int]:
    folder = settings.published_path.parent / "days" / "fct_transactions"
    return {file.name: file.stat().st_ino for file in folder.iterdir()}


def test_only_the_day_that_changed_is_written_again(settings: Settings) -> None:
    fill(settings)
    assert publish(settings) == {"fct_small": 1, "fct_transactions": LEAST_ROWS}
    assert seen(settings) == held(settings)
    before = files(settings)
    assert len(before) == DAYS
    changed = FIRST + timedelta(days=2)
    change(settings, changed, "v2")
    publish(settings)
    assert seen(settings) == held(settings)
    assert {**before, **files(settings)} == files(settings), "a file that stood was written again"
    assert files(settings).keys() - before.keys() == {f"{changed}.v2.parquet"}
    publish(settings)
    assert files(settings).keys() == {*before, f"{changed}.v2.parquet"}


def test_who_opened_the_marts_before_reads_them_on_until_the_old_files_go(settings: Settings) -> None:
    fill(settings)
    publish(settings)
    old = set(files(settings))
    with duckdb.connect(settings.published_path, read_only=True) as reader:
        before = reader.execute(SUMS).fetchall()
        change(settings, FIRST, "v2")
        publish(settings)
        assert reader.execute(SUMS).fetchall() == before
    for file in (settings.published_path.parent / "days").glob("*/*"):
        os.utime(file, (0, file.stat().st_mtime - KEPT_SECONDS - 1))
    publish(settings)
    assert old - files(settings).keys() == {f"{FIRST}.v1-{FIRST}.parquet"}
    assert seen(settings) == held(settings)


def test_a_day_of_no_known_version_is_written_under_a_name_that_never_stands_for_anything_else(
    settings: Settings,
) -> None:
    fill(settings)
    publish(settings)
    change(settings, FIRST, "unknown")
    publish(settings)
    assert seen(settings) == held(settings)
    change(settings, FIRST, "unknown")
    publish(settings)
    assert seen(settings) == held(settings)


def test_a_small_mart_needs_no_file_beside_the_published_one(settings: Settings) -> None:
    fill(settings, LEAST_ROWS - 1)
    publish(settings)
    assert seen(settings) == held(settings)
    assert list(settings.published_path.parent.iterdir()) == [settings.published_path]
