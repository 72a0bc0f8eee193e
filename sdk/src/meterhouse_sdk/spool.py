"""The spool: batches kept on disk while their destination is away, and read again until it takes them.

What belongs here: files, room and who may replay. What does not: when to spool and when to replay
(`delivery.py`). A batch keeps its id and its bytes, so one that is sent twice counts once.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

from meterhouse_sdk.transport import EVENTS, Batch

try:
    import fcntl
except ImportError:  # Windows: nobody else is kept out, and what is sent twice counts once.
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".jsonl"


class Spool:
    """The folder of one destination below a spool folder; shared by all processes that send there.

    Args:
        folder: The spool folder; made on first use, readable by its owner alone.
        destination: Names the destination, without secrets.
        max_bytes: Most bytes all waiting batches of the destination may take.
    """

    def __init__(self, folder: Path, destination: str, max_bytes: int) -> None:
        self._folder = folder / hashlib.sha256(destination.encode()).hexdigest()[:16]
        self._destination = destination
        self._max_bytes = max_bytes

    def keep(self, batch: Batch) -> None:
        """Put a batch on disk, for good.

        Raises:
            OSError: it cannot be written, or there is no room left for it.
        """
        if self._used_bytes() + len(batch.lines) > self._max_bytes:
            raise OSError(f"the spool folder {self._folder} holds its {self._max_bytes} bytes already")
        self._write(self._path(batch).name, batch.lines)

    def keep_refused(self, batch: Batch) -> None:
        """Put aside a batch that its destination will never take, for a person to look at."""
        self._write(f"{batch.batch_id}-{batch.event_count}.refused", batch.lines)

    def oldest(self) -> Optional[Batch]:
        """The batch that has waited longest, or None."""
        for path in self._waiting():
            with contextlib.suppress(FileNotFoundError):
                stem, _, kind = path.name[: -len(_SUFFIX)].partition(".")
                batch_id, _, count = stem.rpartition("-")
                return Batch(batch_id, path.read_bytes(), int(count), kind or EVENTS)
        return None

    def done(self, batch: Batch) -> None:
        """Forget a batch that its destination took."""
        with contextlib.suppress(FileNotFoundError):
            self._path(batch).unlink()

    def holds(self, batch_id: str) -> bool:
        """Whether a batch still waits; another process may have sent it."""
        return any(self._folder.glob(f"{batch_id}-*{_SUFFIX}"))

    @contextlib.contextmanager
    def replaying(self) -> Iterator[bool]:
        """Whether this process may replay now: one does at a time; the system frees a dead one's place."""
        if not self._folder.is_dir():
            yield True
            return
        with (self._folder / "lock").open("a") as lock:
            yield _is_locked(lock)

    def _path(self, batch: Batch) -> Path:
        kind = "" if batch.kind == EVENTS else f".{batch.kind}"
        return self._folder / f"{batch.batch_id}-{batch.event_count}{kind}{_SUFFIX}"

    def _waiting(self) -> list[Path]:
        return sorted(self._folder.glob(f"[!.]*{_SUFFIX}")) if self._folder.is_dir() else []

    def _used_bytes(self) -> int:
        used = 0
        for path in self._waiting():
            with contextlib.suppress(FileNotFoundError):
                used += path.stat().st_size
        return used

    def _write(self, name: str, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = self._folder / "destination.txt"
        if not about.exists():
            about.write_text(f"{self._destination}\n", encoding="utf-8")
        aside = self._folder / f".{name}.tmp"
        try:
            with open(aside, "wb", opener=_owner_only) as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(self._folder / name)
        finally:
            if aside.exists():
                aside.unlink()
        sync_folder(self._folder)


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_locked(lock: Any) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
