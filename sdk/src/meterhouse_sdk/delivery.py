"""Delivery: a bounded queue in memory, and one background thread that sends batches until they are taken.

What belongs here: queueing, retrying and counting. What does not: handing a batch over and saying what was lost
(`courier.py`), and how it waits on disk (`spool.py`). Every event put in is at any time exactly one of sent,
rejected, pending, spooled or dropped. An outcome is one of them here, in batches of its own.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Optional

from meterhouse_sdk import trouble
from meterhouse_sdk.config import Config
from meterhouse_sdk.courier import Courier, Event, kind_of
from meterhouse_sdk.pauses import Pauses
from meterhouse_sdk.spool import Spool
from meterhouse_sdk.transport import EVENTS, OUTCOMES, Batch, Transport

_OTHERS_REPLAY_SECONDS = 5.0
"""When another process is replaying the spool, look again after this long."""


class Sender:
    """The queue and its thread; `transport` None drops every event and says so.

    With a spool, what cannot be sent waits on disk, whatever becomes of this process; without one it waits
    in memory.
    """

    def __init__(self, transport: Optional[Transport], spool: Optional[Spool], config: Config) -> None:
        self._courier = Courier(transport, spool, config.on_drop)
        self._has_destination = transport is not None
        self._spool = spool
        self._config = config
        # Reentrant, as the garbage collector may end a dropped stream, and so meter it, while this thread
        # holds the lock.
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._queue: deque[Event] = deque()
        self._in_hand: Sequence[Event] = ()
        self._waiting_since = 0.0
        self._taken = self._sent = self._rejected = self._dropped = self._flush_up_to = 0
        self._spooled: dict[str, int] = {}
        self._has_backlog = spool is not None
        self._next_replay = 0.0
        self._pauses = Pauses()
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
        """Wait until all events put in before have left the memory; False when time runs out first."""
        with self._lock:
            goal = self._taken + len(self._queue)
            self._flush_up_to = max(self._flush_up_to, goal)
            self._wake.notify_all()
            return self._settled.wait_for(lambda: self._taken - len(self._in_hand) >= goal, timeout_seconds)

    def drain(self, timeout_seconds: float) -> None:
        """Flush; what could not be sent in time is spooled, or else dropped and reported."""
        if self.flush(timeout_seconds):
            return
        with self._lock:
            left = [*self._in_hand, *self._queue]
            self._taken += len(self._queue)
            self._queue.clear()
            self._in_hand = ()
            by_kind = ([event for event in left if kind_of(event) == kind] for kind in (EVENTS, OUTCOMES))
            lost = [
                event
                for events in by_kind
                if events and not self._is_spooled(self._courier.batch(events))
                for event in events
            ]
            self._dropped += len(lost)
            self._settled.notify_all()
        if lost:
            self._report_lost(
                lost, f"the {self._courier.title} could not be reached within {timeout_seconds:g} s"
            )

    def close(self, timeout_seconds: float) -> None:
        """Drain, then end the thread."""
        self.drain(timeout_seconds)
        with self._lock:
            self._is_closed = True
            self._wake.notify_all()

    def counts(self) -> dict[str, int]:
        """`metered` = `sent` + `rejected` + `pending` + `spooled` + `dropped`, in events."""
        with self._lock:
            self._count_those_sent_by_others()
            counts = {
                "sent": self._sent,
                "rejected": self._rejected,
                "pending": len(self._queue) + len(self._in_hand),
                "spooled": sum(self._spooled.values()),
                "dropped": self._dropped,
            }
            return {"metered": sum(counts.values()), **counts}

    def _enqueue(self, event: Event) -> None:
        if not self._queue:
            self._waiting_since = time.monotonic()
        self._queue.append(event)
        if len(self._queue) in (1, self._config.batch_size):
            self._wake.notify_all()

    def _refusal(self) -> Optional[str]:
        if not self._has_destination:
            return "metering has nowhere to send to: set METERHOUSE_URL and METERHOUSE_API_KEY, or call configure()"
        if self._is_closed:
            return "metering was configured anew"
        if len(self._queue) + len(self._in_hand) >= self._config.max_pending:
            return f"{self._config.max_pending} events are already waiting for the {self._courier.title}"
        return None

    def _run(self) -> None:
        while True:
            with self._lock:
                while not (self._is_due() or self._is_replay_due()):
                    if self._is_closed:
                        return
                    self._wake.wait(self._seconds_until_due())
                events = self._take() if self._is_due() else None
            if events:
                self._deliver(events)
            else:
                self._replay_one()

    def _take(self) -> Sequence[Event]:
        kind = kind_of(self._queue[0])
        taken: list[Event] = []
        while self._queue and len(taken) < self._config.batch_size and kind_of(self._queue[0]) == kind:
            taken.append(self._queue.popleft())
        self._in_hand = taken
        self._taken += len(taken)
        self._waiting_since = time.monotonic()
        return self._in_hand

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        is_asked = self._taken < self._flush_up_to
        is_full = len(self._queue) >= self._config.batch_size
        return is_asked or is_full or self._waiting_since + self._config.flush_seconds <= time.monotonic()

    def _is_replay_due(self) -> bool:
        is_time = max(self._next_replay, self._pauses.until) <= time.monotonic()
        return self._has_backlog and not self._is_closed and is_time

    def _seconds_until_due(self) -> Optional[float]:
        moments = []
        if self._queue:
            moments.append(self._waiting_since + self._config.flush_seconds)
        if self._has_backlog:
            moments.append(max(self._next_replay, self._pauses.until))
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _deliver(self, events: Sequence[Event]) -> None:
        batch = self._courier.batch(events)
        if not self._pauses.are_over() and self._is_settled_by_spooling(events, batch):
            return
        while self._in_hand is events:
            try:
                refused = self._courier.send(batch)
            except Exception as error:
                self._say_waiting(error)
                self._pauses.begin(error)
                if not self._is_settled_by_spooling(events, batch):
                    self._wait(self._pauses.until - time.monotonic())
            else:
                self._settle(events, refused)
                self._say_recovered()

    def _replay_one(self) -> None:
        assert self._spool is not None
        with self._spool.replaying() as may_replay:
            batch = self._spool.oldest() if may_replay else None
            if batch is None:
                self._count_those_sent_by_others()
                self._has_backlog = bool(self._spooled) or not may_replay
                self._next_replay = time.monotonic() + _OTHERS_REPLAY_SECONDS
                return
            try:
                refused = self._courier.send(batch)
            except Exception as error:
                self._pauses.begin(error)
                return
            self._spool.done(batch)
        with self._lock:
            own = self._spooled.pop(batch.batch_id, 0)
            self._sent += max(0, own - refused)
            self._rejected += min(own, refused)
        self._say_recovered()

    def _is_settled_by_spooling(self, events: Sequence[Event], batch: Batch) -> bool:
        with self._lock:
            if self._in_hand is not events:
                return True
            is_kept = self._is_spooled(batch)
            if is_kept:
                self._in_hand = ()
                self._settled.notify_all()
            return is_kept

    def _is_spooled(self, batch: Batch) -> bool:
        if self._spool is None:
            return False
        try:
            self._spool.keep(batch)
        except OSError as error:
            trouble.note("failed", "spool", f"Events cannot wait on disk, so they wait in memory: {error}.")
            return False
        self._spooled[batch.batch_id] = batch.event_count
        self._has_backlog, self._next_replay = True, 0.0
        return True

    def _count_those_sent_by_others(self) -> None:
        for batch_id in list(self._spooled):
            if self._spool is not None and not self._spool.holds(batch_id):
                self._sent += self._spooled.pop(batch_id)

    def _settle(self, events: Sequence[Event], refused: int) -> None:
        with self._lock:
            if self._in_hand is events:
                self._sent += len(events) - refused
                self._rejected += refused
                self._in_hand = ()
            self._settled.notify_all()

    def _wait(self, seconds: float) -> None:
        with self._lock:
            self._wake.wait(max(0.0, seconds))

    def _say_waiting(self, error: Exception) -> None:
        if self._pauses.tries == 0:
            trouble.log.warning(
                "The %s does not take events: %s: %s. They wait and are tried again.",
                *(self._courier.title, type(error).__name__, error),
            )

    def _say_recovered(self) -> None:
        if self._pauses.end():
            trouble.log.warning("The %s takes events again; those that waited are sent.", self._courier.title)

    def _report_lost(self, events: Sequence[Event], reason: str) -> None:
        self._courier.report("dropped", events, reason)
