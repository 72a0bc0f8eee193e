"""A day larger than memory: a million rows are pulled and loaded in bounded memory, and none is lost."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from dlt_sources.buckets import whole_days
from dlt_sources.contract import Credentials, Day, Provider, Report, Rights, Row, Window
from dlt_sources.source import build_source, pulled_days_source
from dlt_sources.spool import Spool
from dlt_sources.versions import day_version
from meterhouse.settings import Settings
from meterhouse.warehouse.loading import fresh_pipeline

FIRST, DAY = date(2026, 9, 30), date(2026, 10, 1)
ROWS, PAGE = 1_000_000, 1_000
MEMORY_LIMIT_MB = 600
COLUMNS = {name: {"data_type": "text"} for name in ("amount", "line_item", "project_id", "api_key_id")}


def line(n: int) -> Row:
    return {
        "amount": f"0.{n:09d}",
        "line_item": f"gpt-4.1-2026-04-14, input {n % 40}",
        "project_id": f"proj_{n % 997}",
        "api_key_id": None,
    }


def pages(rows: int) -> Iterator[tuple[date, list[Row]]]:
    for at in range(0, rows, PAGE):
        yield DAY, [line(n) for n in range(at, at + PAGE)]
    yield FIRST, [line(7)]


def provider(rows: int) -> Provider:
    def fetch(_: Credentials, window: Window) -> Iterator[Day]:
        yield from whole_days(window.days, pages(rows), "costs")

    return Provider(
        name="huge",
        title="Huge",
        credentials=Credentials,
        reports=(Report("costs", "Costs.", COLUMNS, fetch),),
        dimensions=(),
        check=lambda credentials: Rights(None, None, ("costs",)),
        lookback=timedelta(days=1),
        freshness=timedelta(days=1),
    )


def pull(home: Path) -> int:
    """One pull as a sync does it; the most memory this program ever held, in MB, without what started it."""
    source, pulled = build_source(
        provider(ROWS),
        Credentials,
        Window(FIRST, DAY + timedelta(days=1)),
        "c",
        observed_at=datetime.now(UTC),
    )
    with fresh_pipeline(Settings(home=home), "huge", "raw_huge") as pipeline:
        for step in (source, pulled_days_source(pulled)):
            pipeline.extract(step)
            pipeline.normalize()
            pipeline.load()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def test_a_day_of_a_million_rows_is_pulled_in_bounded_memory(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "tests.dlt_sources.test_huge_day", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) < MEMORY_LIMIT_MB
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        found = connection.execute(
            """select count(*), count(distinct row_id), count(distinct content_hash),
            sum(cast(amount as decimal(38, 9))) from raw_huge.costs"""
        ).fetchone()
        days = connection.execute("select day, row_count from raw_huge.pulled_days order by day").fetchall()
    assert [str(value) for value in found] == [str(ROWS + 1), str(ROWS + 1), "2", "499.999500007"]
    assert days == [(FIRST, 1), (DAY, ROWS)]


def test_rows_on_disk_are_the_rows_that_came_in_their_order():
    rows = [
        {"text": "ü\n\u2028\x00🙂", "count": 2**62, "flag": True, "none": None, "n": n} for n in range(95)
    ]
    spool = Spool(held_rows=10)
    for n, row in enumerate(rows):
        spool.put(DAY if n % 3 else FIRST, [row])
    found = spool.rows(DAY)
    assert list(found) == list(found) == [row for row in rows if row["n"] % 3]
    assert len(found) == 63
    assert rows[1] in found
    assert rows[0] not in found
    assert list(spool.rows(date(2026, 1, 1))) == []


def test_a_day_is_the_same_version_from_disk_and_from_memory():
    spool = Spool(held_rows=10)
    spool.put(DAY, map(line, range(25)))
    held, on_disk = Day(DAY, [line(n) for n in range(25)]), Day(DAY, spool.rows(DAY))
    assert day_version("c", "costs", held).content_hash == day_version("c", "costs", on_disk).content_hash


if __name__ == "__main__":
    print(pull(Path(sys.argv[1])))
