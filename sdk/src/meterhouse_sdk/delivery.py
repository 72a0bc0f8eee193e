"""Delivery: a bounded queue in memory, and one background thread that sends batches until they are taken.

What belongs here: queueing, batching, retrying, counting, and saying what was lost. What does not: where a
batch goes (a `Transport`, such as `landing.py`). Every event put in is at any time exactly one of sent,
pending or dropped.
"""

import json
import random
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Optional, Protocol

from meterhouse_sdk import trouble
from meterhouse_sdk.config import Config
from meterhouse_sdk.ids import uuid7

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 30.0

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """Events on their way: the same id and the same bytes at every try."""

    batch_id: str
    lines: bytes


class Transport(Protocol):
    """Where batches go."""

    def send(self, batch: Batch) -> None:
        """Hand the batch over for good; whatever is raised, the same batch is tried again."""


class Sender:
    """The queue and its thread; `transport` None drops every event and says so."""

    def __init__(self, transport: Optional[Transport], config: Config) -> None:
        self._transport = transport
        self._config = config
        # Reentrant, as the garbage collector may end a dropped stream, and so meter it, while this thread
        # holds the lock.
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._queue: deque[Event] = deque()
        self._in_hand: Sequence[Event] = ()
        self._waiting_since = 0.0
        self._taken = self._sent = self._dropped = self._flush_up_to = 0
        self._is_closed = False
        self._thread: Optional[threading.Thread] = None

    def put(self, event: Event) -> None:
        """Take one event; never waits. When the queue is full the event is dropped and reported."""
        with self._lock:
            reason = self._refusal()
            if reason:
                self._dropped += 1
            else:
                self._enqueue(event)
            is_thread_needed = not reason and self._thread is None
            if is_thread_needed:
                self._thread = threading.Thread(target=self._run, name="meterhouse-sdk", daemon=True)
        if reason:
            self._report_lost([event], reason)
        if is_thread_needed and self._thread is not None:
            # Without the lock: a starting thread may collect garbage, and so meter a dropped stream.
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None  # No thread is to be had just now; the next event tries again.
                raise

    def flush(self, timeout_seconds: Optional[float]) -> bool:
        """Wait until all events put in before are sent or dropped; False when time runs out first."""
        with self._lock:
            goal = self._taken + len(self._queue)
            self._flush_up_to = max(self._flush_up_to, goal)
            self._wake.notify_all()
            return self._settled.wait_for(lambda: self._taken - len(self._in_hand) >= goal, timeout_seconds)

    def drain(self, timeout_seconds: float) -> None:
        """Flush; what could not be sent in time is dropped and reported."""
        if self.flush(timeout_seconds):
            return
        with self._lock:
            lost = [*self._in_hand, *self._queue]
            self._taken += len(self._queue)
            self._dropped += len(lost)
            self._queue.clear()
            self._in_hand = ()
            self._settled.notify_all()
        self._report_lost(lost, f"the landing zone could not be reached within {timeout_seconds:g} s")

    def close(self, timeout_seconds: float) -> None:
        """Drain, then end the thread."""
        self.drain(timeout_seconds)
        with self._lock:
            self._is_closed = True
            self._wake.notify_all()

    def counts(self) -> dict[str, int]:
        """`metered` = `sent` + `pending` + `dropped`, in events."""
        with self._lock:
            pending = len(self._queue) + len(self._in_hand)
            metered = self._sent + pending + self._dropped
            return {"metered": metered, "sent": self._sent, "pending": pending, "dropped": self._dropped}

    def _enqueue(self, event: Event) -> None:
        if not self._queue:
            self._waiting_since = time.monotonic()
        self._queue.append(event)
        if len(self._queue) in (1, self._config.batch_size):
            self._wake.notify_all()

    def _refusal(self) -> Optional[str]:
        if self._transport is None:
            return (
                "no usable landing zone is set: call configure(landing_url=...) or set METERHOUSE_LANDING_URL"
            )
        if self._is_closed:
            return "metering was configured anew"
        if len(self._queue) + len(self._in_hand) >= self._config.max_pending:
            return f"{self._config.max_pending} events are already waiting for the landing zone"
        return None

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._is_due():
                    if self._is_closed:
                        return
                    self._wake.wait(self._seconds_until_due())
                batch_size = min(len(self._queue), self._config.batch_size)
                events = [self._queue.popleft() for _ in range(batch_size)]
                self._in_hand = events
                self._taken += batch_size
                self._waiting_since = time.monotonic()
            self._deliver(events)

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        is_asked = self._taken < self._flush_up_to
        return is_asked or len(self._queue) >= self._config.batch_size or self._seconds_until_due() == 0

    def _seconds_until_due(self) -> Optional[float]:
        if not self._queue:
            return None
        return max(0.0, self._waiting_since + self._config.flush_seconds - time.monotonic())

    def _deliver(self, events: Sequence[Event]) -> None:
        assert self._transport is not None
        batch = Batch(uuid7(), _lines(events))
        pause_seconds, tries = _FIRST_PAUSE_SECONDS, 0
        while self._in_hand is events:
            try:
                self._transport.send(batch)
            except Exception as error:
                tries += 1
                self._say_waiting(error, tries)
                self._pause(pause_seconds * random.uniform(0.5, 1))  # noqa: S311
                pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
            else:
                self._settle(events)
                if tries:
                    trouble.log.warning(
                        "The landing zone can be written again; the events that waited are in it."
                    )

    def _settle(self, events: Sequence[Event]) -> None:
        with self._lock:
            if self._in_hand is events:
                self._sent += len(events)
                self._in_hand = ()
            self._settled.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._lock:
            self._wake.wait(seconds)

    def _say_waiting(self, error: Exception, tries: int) -> None:
        if tries == 1:
            trouble.log.warning(
                "The landing zone cannot be written: %s: %s. %d events wait and are tried again.",
                *(type(error).__name__, error, self.counts()["pending"]),
            )

    def _report_lost(self, events: Sequence[Event], reason: str) -> None:
        trouble.note(
            "dropped",
            reason,
            f"Metering events are lost: {reason}. stats() counts them, on_drop receives them.",
        )
        if self._config.on_drop is None:
            return
        for event in events:
            with trouble.kept_from_caller("telling on_drop"):
                self._config.on_drop(event, reason)


def _lines(events: Sequence[Event]) -> bytes:
    received_at = datetime.now(timezone.utc).isoformat(timespec="microseconds")
    return "".join(json.dumps({**event, "received_at": received_at}) + "\n" for event in events).encode()
