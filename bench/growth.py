"""Growth: one new hour of calls → all marts → published, with ever more history behind it.

Run `python -m bench.growth [NEW] [HISTORY ...]`. Each history is loaded and built whole; then NEW calls land in a new
hour and are loaded, built and published, warm. The first history, none, is what the others are measured against.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from bench.environment import report
from bench.loading import made
from meterhouse.events.landing import partition_folder
from meterhouse.refresh import build
from meterhouse.settings import Settings

PER_FILE, DAYS = 100_000, 30


def land(settings: Settings, hour: str, start: int, count: int) -> None:
    """Calls of DAYS days, or of the hour's own day when they are few, in files of one hour of arrival."""
    folder = settings.home_path / "landing" / partition_folder(hour)
    folder.mkdir(parents=True)
    for at in range(start, start + count, PER_FILE):
        frame = made(at, min(PER_FILE, start + count - at))
        day = (pl.col("event_id").str.slice(6).cast(pl.Int64) % DAYS + 1).cast(pl.String).str.zfill(2)
        if start == 0:
            frame = frame.with_columns(started_at=pl.format("2026-10-{}T10:00:00Z", day))
        frame.write_ndjson(folder / f"{at:010d}.jsonl")


def measure(new: int, history: int) -> float:
    """Seconds from landed files to published marts."""
    with TemporaryDirectory(prefix="meterhouse-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", settle_seconds=0)
        (settings.home_path / "landing").mkdir()
        if history:
            land(settings, "2026-11-01T00", 0, history)
        build(settings)
        land(settings, "2026-11-23T09", max(history, 1), new)
        began = time.perf_counter()
        build(settings)
        return time.perf_counter() - began


def main(new: int = 42_000, *histories: int) -> None:
    curve: list[dict[str, Any]] = []
    for history in (0, *(histories or (500_000, 2_000_000))):
        seconds = measure(new, history)
        curve.append({"history": history, "seconds": round(seconds, 1)})
        curve[-1]["times_none"] = round(curve[-1]["seconds"] / curve[0]["seconds"], 2)
    report("growth", {"new_events": new, "curve": curve})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
