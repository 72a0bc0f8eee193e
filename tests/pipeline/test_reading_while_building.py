"""BI reads the published marts in a loop, from another process, while the pipeline rebuilds: no error, no torn read."""

import multiprocessing
from typing import Any

import duckdb

from meterhouse.settings import Settings
from tests.killing import run

BILL = "select coalesce(sum(billed_cost_usd), 0) from marts.{}"


def read_in_a_loop(path: str, stop: Any, answers: Any) -> None:
    reads = 0
    while not stop.is_set():
        with duckdb.connect(path, read_only=True) as marts:
            charged = marts.execute(BILL.format("fct_charges")).fetchone()
            attributed = marts.execute(BILL.format("fct_attributed_costs")).fetchone()
        if charged != attributed or charged == (0,):
            answers.put(f"torn read: charged {charged}, attributed {attributed}")
            return
        reads += 1
    answers.put(reads)


def test_a_reader_meets_no_error_and_no_torn_marts_while_the_pipeline_rebuilds(built: Settings) -> None:
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    reader = context.Process(target=read_in_a_loop, args=(str(built.published_path), stop, answers))
    reader.start()
    for build in (["build", "--full"], ["build"]):
        outcome = run(build, built)
        assert outcome.returncode == 0, outcome.stderr
    stop.set()
    reads = answers.get(timeout=60)
    reader.join(60)
    assert reader.exitcode == 0
    assert isinstance(reads, int), reads
    assert reads > 20
