"""The control database: migrated safely, transactional, the same on SQLite and PostgreSQL."""

import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from meterhouse.control import database
from meterhouse.control.database import ControlDatabaseError, engine, reading, session
from meterhouse.control.tables import Base, ConnectionRow, LandingFileRow, SyncRunRow
from meterhouse.settings import Settings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_file(url="a.jsonl", line_count=0):
    return LandingFileRow(
        url=url, partition="2026-11-23T11", size_bytes=1, content_sha256="0" * 64,
        status="loaded", line_count=line_count, first_seen_at=NOW,
    )  # fmt: skip


def a_connection(**changes):
    values = {
        "id": "c1",
        "name": "one",
        "provider": "p",
        "settings": {"base_url": "http://x"},
        "sealed_credentials": b"\x00\xff",
        "readable_reports": ["costs"],
        "created_at": NOW,
    }
    return ConnectionRow(**(values | changes))


def test_migrations_build_exactly_the_declared_tables(settings):
    with engine(settings).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_second_upgrade_finds_nothing_to_do_and_keeps_the_rows(settings):
    with session(settings) as opened:
        opened.add(a_connection())
    database.upgrade(engine(settings))
    with reading(settings) as opened:
        assert opened.scalar(select(ConnectionRow.name)) == "one"


def test_every_value_comes_back_as_it_went_in(settings):
    east = timezone(timedelta(hours=9))
    with session(settings) as opened:
        opened.add(a_connection(created_at=datetime(2026, 11, 23, 21, 0, 0, 123456, east)))
    with reading(settings) as opened:
        row = opened.scalars(select(ConnectionRow)).one()
    assert row.created_at == datetime(2026, 11, 23, 12, 0, 0, 123456, UTC)
    assert row.created_at.utcoffset() == timedelta(0)
    assert (row.settings, row.sealed_credentials, row.readable_reports) == (
        {"base_url": "http://x"},
        b"\x00\xff",
        ["costs"],
    )
    assert (row.is_paused, row.checked_at) == (False, None)


def test_a_time_without_a_zone_is_refused(settings):
    with pytest.raises(StatementError, match="without a zone"), session(settings) as opened:
        opened.add(a_connection(created_at=NOW.replace(tzinfo=None)))


def test_a_block_that_raises_leaves_nothing_behind(settings):
    with pytest.raises(ZeroDivisionError), session(settings) as opened:
        opened.add(a_connection())
        opened.flush()
        raise ZeroDivisionError
    with reading(settings) as opened:
        assert opened.scalars(select(ConnectionRow)).all() == []


def test_reading_refuses_to_write(settings):
    with pytest.raises(DBAPIError, match=r"read.?only"), reading(settings) as opened:
        opened.add(a_connection())
        opened.flush()
    with session(settings) as opened:
        opened.add(a_connection())


def test_a_removed_connection_takes_its_sync_log_along(settings):
    run = SyncRunRow(
        id="r1",
        connection_id="c1",
        window_start=NOW.date(),
        window_end=NOW.date(),
        started_at=NOW,
        status="running",
    )
    with session(settings) as opened:
        opened.add(a_connection())
        opened.flush()
        opened.add(run)
    with session(settings) as opened:
        opened.delete(opened.get(ConnectionRow, "c1"))
    with reading(settings) as opened:
        assert opened.scalars(select(SyncRunRow)).all() == []


def test_a_run_of_no_connection_is_refused(settings):
    with pytest.raises(IntegrityError), session(settings) as opened:
        opened.add(
            SyncRunRow(
                id="r1",
                connection_id="nobody",
                window_start=NOW.date(),
                window_end=NOW.date(),
                started_at=NOW,
                status="running",
            )
        )


START_AND_COUNT = """
import sys, time
from sqlalchemy import select
from meterhouse.control.database import session, take_turns
from meterhouse.control.tables import LandingFileRow
from meterhouse.settings import Settings
url = None if sys.argv[2] == "-" else sys.argv[2]
settings = Settings(home=sys.argv[1], control_url=url)
while time.time() < float(sys.argv[3]):
    pass
for n in range(40):
    with session(settings) as opened:
        take_turns(opened, "test")
        row = opened.get(LandingFileRow, "a.jsonl")
        if row is None:
            from tests.control.test_database import a_file
            opened.add(a_file())
            row = opened.get(LandingFileRow, "a.jsonl")
        row.line_count += 1
"""


def test_processes_that_start_at_once_on_an_empty_database_all_succeed_and_lose_no_write(settings):
    url = settings.control_url or "-"
    start = str(time.time() + 4)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", START_AND_COUNT, str(settings.home), url, start],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    errors = [writer.communicate(timeout=120)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    with reading(settings) as opened:
        assert opened.get(LandingFileRow, "a.jsonl").line_count == 120


def test_a_newer_schema_is_refused_in_words(settings):
    with session(settings) as opened:
        opened.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ControlDatabaseError, match="written by a newer Meterhouse"):
        database.upgrade(engine(settings))


def test_a_sqlite_database_is_for_its_owner_only_and_durable(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with session(settings) as opened:
        opened.add(a_file())
        pragmas = {
            name: opened.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}
    for file in settings.home_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("not a url", "METERHOUSE_CONTROL_URL is not a database URL"),
        ("mysql://u:hunter2@h/d", "cannot live in mysql here"),
        ("sqlite://", "cannot live in sqlite here"),
        ("postgresql://u:hunter2@127.0.0.1:1/d", "cannot be opened"),
        ("sqlite:////proc/no/such.db", "cannot be written"),
    ],
)
def test_an_unusable_database_is_named_in_words_without_its_password(tmp_path, url, sentence):
    with (
        pytest.raises(ControlDatabaseError, match=sentence) as caught,
        session(Settings(home=tmp_path, control_url=url)),
    ):
        pass
    assert "hunter2" not in f"{caught.value} {caught.value.next_step}"
    assert caught.value.next_step
