"""Fault 7 and 30 as a BI tool meets them: readers in processes of their own while marts are published again and again.

What belongs here: publishing under readers, and what they saw. What does not: which marts there are.
"""

import multiprocessing
import multiprocessing.synchronize
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.publish import publish

ROWS = 1_000


@dataclass(frozen=True)
class Readings:
    """How often the marts were published and read, by how many readers, and what went wrong with a read."""

    publishes: int
    reads: int
    errors: tuple[str, ...]


def publish_under_readers(settings: Settings, publishes: int, readers: int = 4) -> Readings:
    """Publish a generation of two small marts so often, while each reader opens, reads and closes them in a loop."""
    _fill(settings, 0)
    publish(settings)
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    arguments = (str(settings.published_path), stop, answers)
    processes = [context.Process(target=_read_in_a_loop, args=arguments) for _ in range(readers)]
    for process in processes:
        process.start()
    for _ in processes:
        assert answers.get(timeout=120) == "reading"
    for generation in range(1, publishes + 1):
        _fill(settings, generation)
        publish(settings)
    stop.set()
    told = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    errors = tuple(answer for answer in told if isinstance(answer, str))
    return Readings(publishes, sum(answer for answer in told if isinstance(answer, int)), errors)


def _fill(settings: Settings, generation: int) -> None:
    with warehouse(settings, "test") as path, duckdb.connect(path) as connection:
        connection.execute("create schema if not exists marts")
        for mart in ("fct_a", "fct_b"):
            connection.execute(
                f"create or replace table marts.{mart} as select {generation} as generation from range({ROWS})"
            )


def _read_in_a_loop(
    path: str, stop: multiprocessing.synchronize.Event, answers: "multiprocessing.Queue[int | str]"
) -> None:
    answers.put("reading")
    reads = newest = 0
    while not stop.is_set():
        try:
            with duckdb.connect(path, read_only=True) as marts:
                seen = list(_generations(marts))
        except duckdb.Error as error:
            answers.put(f"a read failed: {error}")
            return
        if len(set(seen)) != 1 or seen[0][0] != ROWS or seen[0][1] != seen[0][2] or seen[0][1] < newest:
            answers.put(f"a torn read: {seen} after generation {newest}")
            return
        newest = seen[0][1]
        reads += 1
    answers.put(reads)


def _generations(marts: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int, int]]:
    for mart in ("fct_a", "fct_b"):
        yield marts.execute(
            f"select count(*), min(generation), max(generation) from marts.{mart}"
        ).fetchall()[0]
