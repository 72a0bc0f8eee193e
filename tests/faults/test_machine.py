"""Faults of the machine that no other test injects: a full disk under the warehouse, two pipelines at once, readers."""

import os
import resource
import signal
import subprocess
import sys

import duckdb
import pytest

from meterhouse.events.landing import open_landing_zone, write_file
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment
from meterhouse.warehouse.publish import publish
from tests.events.making import FOLDER, HOUR, event, jsonl
from tests.faults.publishing import publish_under_readers

LOAD = f"""
from meterhouse.events.load import load_partition
from meterhouse.settings import Settings
load_partition(Settings(), {HOUR!r})
"""
PUBLISH = """
from meterhouse.settings import Settings
from meterhouse.warehouse.publish import publish
publish(Settings())
"""
EVENTS, BAD = 5_000, 3
FULL_BYTES = 1_500_000


@pytest.fixture
def settings(tmp_path) -> Settings:
    made = Settings(home=tmp_path / "home", _env_file=None)
    lines = [event(number, customer=os.urandom(200).hex()) for number in range(EVENTS)]
    write_file(open_landing_zone(made), f"{FOLDER}/a.jsonl", jsonl(*lines) + b"{bad\n" * BAD)
    return made


def start(arguments: list[str], settings: Settings, *, is_full: bool = False) -> subprocess.Popen:
    """A process of the installation; it may write no file beyond some size, as on a disk that is full."""

    def fill_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))

    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env=child_environment(settings),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=fill_disk if is_full else None,
    )


def counts(settings: Settings) -> tuple[int, int]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        return tuple(
            warehouse.execute(
                f"select count(*) from (select distinct file_url, file_line from raw_metering.{table})"
            ).fetchall()[0][0]
            for table in ("events", "rejected_events")
        )


def test_a_full_disk_ends_a_build_in_words_and_the_next_load_is_whole(settings: Settings) -> None:
    full = start(["-m", "tests.killing", "-", "-", "1", "build"], settings, is_full=True)
    _, said = full.communicate()
    assert full.returncode == 1, said
    assert "The disk is full" in said
    assert "Traceback" not in said
    assert list(partitions_with_new_files(settings)) == [HOUR]
    load_partition(settings, HOUR)
    assert counts(settings) == (EVENTS, BAD)
    assert partitions_with_new_files(settings) == {}


def test_a_full_disk_leaves_readers_the_marts_they_had(settings: Settings) -> None:
    load_partition(settings, HOUR)
    with duckdb.connect(str(settings.warehouse_path)) as warehouse:
        warehouse.execute("create schema marts")
        warehouse.execute("create table marts.fct_a as from raw_metering.events")
    publish(settings)
    before = settings.published_path.read_bytes()
    full = start(["-c", PUBLISH], settings, is_full=True)
    _, said = full.communicate()
    assert full.returncode == 1
    assert "File too large" in said
    assert settings.published_path.read_bytes() == before
    assert publish(settings) == {"fct_a": EVENTS}
    assert list(settings.published_path.parent.iterdir()) == [settings.published_path]


def test_two_pipelines_at_once_load_each_event_once(settings: Settings) -> None:
    both = [start(["-c", LOAD], settings) for _ in range(2)]
    said = [load.communicate()[1] for load in both]
    assert [load.returncode for load in both] == [0, 0], said
    assert counts(settings) == (EVENTS, BAD)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        assert warehouse.execute("select count(*) from raw_metering.events").fetchall() == [(EVENTS,)]


def test_readers_meet_no_locked_and_no_torn_marts_while_they_are_published(tmp_path) -> None:
    seen = publish_under_readers(Settings(home=tmp_path / "home", _env_file=None), publishes=25)
    assert seen.errors == ()
    assert seen.reads > 25
