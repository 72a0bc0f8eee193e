"""The one door to the warehouse: an OS lock that every process shares, and the file's creation.

DuckDB allows one writing process, and refuses readers elsewhere meanwhile; so whoever opens the warehouse, from a
command or from Dagster, takes this lock first, waits with a deadline, and is told who holds it. The lock is held by the
operating system and is gone with the process that dies. What does not belong here: queries.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from meterhouse.errors import MeterhouseError
from meterhouse.settings import Settings

STORAGE_VERSION = "v1.4.0"
"""Oldest DuckDB client that can open our files (contract performance-reliability §7)."""


class WarehouseBusyError(MeterhouseError):
    """Another process kept the warehouse for longer than we were ready to wait."""


@contextmanager
def warehouse(settings: Settings, purpose: str, wait_seconds: float = 600.0) -> Iterator[Path]:
    """Hold the warehouse alone; yields the path of its DuckDB file, which exists.

    Args:
        settings: Where the installation lives.
        purpose: What for, in words; shown to whoever has to wait.
        wait_seconds: How long to wait for another process.

    Raises:
        WarehouseBusyError: Another process held it for all that time; the message names it.
    """
    path = settings.warehouse_path
    holder = path.with_suffix(".holder.json")
    lock = FileLock(path.with_suffix(".lock"), timeout=wait_seconds)
    try:
        lock.acquire()
    except Timeout:
        raise WarehouseBusyError(
            f"The warehouse {path} has been busy for {wait_seconds:.0f} s: {_describe(holder)}.",
            "Wait for it to end, or stop that process, and run this again.",
        ) from None
    try:
        note = {
            "pid": os.getpid(),
            "purpose": purpose,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        holder.write_text(json.dumps(note))
        ensure_exists(path)
        yield path
    finally:
        lock.release()


def ensure_exists(path: Path) -> None:
    """Create the DuckDB file, readable by 1.4 clients, unless it is there already; it appears whole."""
    if path.exists():
        return
    fresh = path.with_suffix(".fresh")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{quoted(fresh)}' as fresh (storage_version '{STORAGE_VERSION}')")
        connection.execute("detach fresh")
    fresh.replace(path)


def _describe(holder: Path) -> str:
    try:
        note = json.loads(holder.read_text())
        return f"process {note['pid']} holds it since {note['since']} ({note['purpose']})"
    except (OSError, ValueError, KeyError):
        return "the process that holds it left no note"


def quoted(path: Path) -> str:
    """A path as it stands between the quotes of an SQL text."""
    return str(path).replace("'", "''")
