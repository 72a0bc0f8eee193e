"""Loading: landing files → checked, priced, in the warehouse, against DuckDB's bare reading of the same files.

Run `python -m bench.loading [EVENTS] [PER_FILE]`. The raw limit reads the same files with the same columns and types
into a table, checks nothing and prices nothing. The peer is dlt's usual way, Python rows of a tenth of the events, with
its Parquet loader; it does neither. Each of ours runs in a process of its own, so that its peak of memory is its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
import duckdb
import polars as pl

from bench.environment import peak_memory_megabytes, report
from meterhouse.events.load import load_partition
from meterhouse.settings import Settings
from tests.events.making import FOLDER, HOUR

MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3", "gpt-5")
TYPES = {
    "event_id": "VARCHAR", "provider": "VARCHAR", "model": "VARCHAR", "started_at": "TIMESTAMPTZ",
    "customer": "VARCHAR", "product": "VARCHAR", "trace_id": "VARCHAR", "input_tokens": "BIGINT",
    "cache_read_tokens": "BIGINT", "output_tokens": "BIGINT",
}  # fmt: skip
PEER_SHARE = 10


def made(start: int, count: int) -> pl.DataFrame:
    """Good calls with sizes and names that differ, as an SDK writes them."""
    number = pl.int_range(start, start + count, eager=True).alias("number")
    return number.to_frame().select(
        event_id=pl.format("event-{}", "number"),
        provider=pl.lit("openai"),
        model=(pl.col("number") % len(MODELS)).replace_strict(dict(enumerate(MODELS))),
        started_at=pl.format("2026-11-23T09:{}:30.123456Z", (pl.col("number") % 50 + 10).cast(pl.String)),
        customer=pl.format("customer-{}", pl.col("number") % 997),
        product=pl.format("product-{}", pl.col("number") % 13),
        trace_id=pl.format("trace-{}", pl.col("number") // 7),
        input_tokens=pl.col("number") * 7919 % 20_000,
        cache_read_tokens=pl.col("number") * 31 % 500,
        output_tokens=pl.col("number") * 104_729 % 2_000,
    )


def land(home: Path, file_format: str, events: int, per_file: int) -> None:
    """Write the events as files of one hour into a landing zone."""
    folder = home / "landing" / FOLDER
    folder.mkdir(parents=True)
    for start in range(0, events, per_file):
        frame, path = made(start, min(per_file, events - start)), folder / f"{start:010d}.{file_format}"
        frame.write_parquet(path) if file_format == "parquet" else frame.write_ndjson(path)


def ours(home: str) -> None:
    """Load what landed, in this process; prints seconds, events and peak memory."""
    settings = Settings(home=Path(home), settle_seconds=0)
    began = time.perf_counter()
    result = load_partition(settings, HOUR)
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, result.event_count, peak_memory_megabytes()]))


def raw(home: Path, file_format: str) -> float:
    """DuckDB's own reading of the files into a table of a new file."""
    columns = "{" + ", ".join(f"{name}: '{of}'" for name, of in TYPES.items()) + "}"
    reads = {
        "jsonl": f"read_json('{home / 'landing' / FOLDER}/*.jsonl', format = 'newline_delimited', columns = {columns})",
        "parquet": f"read_parquet('{home / 'landing' / FOLDER}/*.parquet')",
    }
    return timed(lambda: created(home / "raw.duckdb", reads[file_format]))


def created(target: Path, relation: str) -> None:
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"set threads = 2; create table events as from {relation}; checkpoint")


def peer(home: Path, events: int) -> float:
    """Seconds an event by dlt's usual way: rows as Python objects, normalised, loaded as Parquet."""

    def rows() -> Iterator[list[dict[str, Any]]]:
        for file in sorted((home / "landing" / FOLDER).iterdir()):
            with file.open() as lines:
                yield [json.loads(line) for line in lines]

    pipeline = dlt.pipeline(
        "usual_way",
        destination=dlt.destinations.duckdb(str(home / "usual.duckdb")),
        pipelines_dir=str(home / "usual-dlt"),
        dataset_name="raw",
    )
    resource = dlt.resource(rows, name="events")
    return timed(lambda: pipeline.run(resource, loader_file_format="parquet")) / events


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(events: int = 5_000_000, per_file: int = 100_000) -> None:
    figures: dict[str, Any] = {"events": events, "events_per_file": per_file}
    for file_format in ("jsonl", "parquet"):
        with TemporaryDirectory(prefix="meterhouse-bench-") as home:
            land(Path(home), file_format, events, per_file)
            limit = raw(Path(home), file_format)
            done = subprocess.run(
                [sys.executable, "-m", "bench.loading", "--ours", home],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, loaded, megabytes = json.loads(done.stdout.splitlines()[-1])
            assert loaded == events, done.stdout
            figures[file_format] = {
                "events_per_second": round(events / seconds),
                "share_of_the_raw_limit": round(limit / seconds, 3),
                "peak_memory_mb": megabytes,
            }
    few = events // PEER_SHARE
    with TemporaryDirectory(prefix="meterhouse-bench-") as home:
        land(Path(home), "jsonl", few, min(per_file, few))
        usual = peer(Path(home), few)
    figures["times_as_fast_as_dlt_rows"] = round(usual * figures["jsonl"]["events_per_second"], 1)
    report("loading", figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        ours(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
