"""Where a figure was taken: every measurement says it beside its figures, and keeps both as JSON."""

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

RESULTS = Path(".bench")
"""Where results are kept, in the folder the measurement runs in."""


def peak_memory_megabytes() -> int:
    """The most memory this process ever held, without what started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) // 1024


def report(name: str, figures: dict[str, Any]) -> None:
    """Print the figures of one measurement with their environment, and keep them in `.bench/NAME.json`."""
    told = {
        "bench": name,
        "figures": figures,
        "environment": {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
            "polars": pl.__version__,
        },
    }
    text = json.dumps(told, indent=2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    sys.stdout.write(text + "\n")
