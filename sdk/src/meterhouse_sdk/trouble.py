"""Our own troubles: counted always, logged once per kind and place, never raised into the caller's program.

What belongs here: the log, the counters, and the guard around our code that runs inside a caller's call.
What does not: what became of events (`delivery.py` counts those).
"""

import logging
import threading
from collections import Counter
from typing import Any, Optional

log = logging.getLogger("meterhouse_sdk")

KINDS = ("failed", "undecided", "unknown_fields", "doubled", "uncaptured")
"""`failed`: a fault of ours; `undecided`: usage that could not be split without guessing; `unknown_fields`:
names that are no field of an event, kept under its metadata; `doubled`: calls seen by two hooks, metered once;
`uncaptured`: prompts that were given to `meter()` while capturing is off, and left behind."""

_MOST_PLACES_TOLD = 1000
_counts: "Counter[str]" = Counter()
_told: set[tuple[str, str]] = set()
_lock = threading.RLock()


def note(kind: str, place: str, message: str) -> None:
    """Count one trouble; log it as a warning when this kind is new at this place."""
    with _lock:
        _counts[kind] += 1
        is_new = (kind, place) not in _told and len(_told) < _MOST_PLACES_TOLD
        if is_new:
            _told.add((kind, place))
    if is_new:
        log.warning("%s", message)


def count(kind: str) -> None:
    """Count something of this kind that nobody needs to read of."""
    with _lock:
        _counts[kind] += 1


class kept_from_caller:  # noqa: N801
    """Run our code inside a caller's call: what it raises is counted, logged once, and goes no further."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Optional[BaseException], traceback: Any) -> bool:
        if not isinstance(error, Exception):
            return False
        reason = f"{type(error).__name__}: {error}"
        note(
            "failed",
            self._place,
            f"Metering failed while {self._place}: {reason}. The call itself is unaffected.",
        )
        return True


def counts() -> dict[str, int]:
    """How often each kind of trouble happened in this process."""
    with _lock:
        return {kind: _counts[kind] for kind in KINDS}


def start_afresh() -> None:
    """Forget all of it, with a new lock: a forked child counts for itself."""
    global _lock
    _lock = threading.RLock()
    _counts.clear()
    _told.clear()
