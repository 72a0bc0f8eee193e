"""Handing batches over: to a transport, in parts where they are too large, and saying what was not taken.

What belongs here: what a batch is made of, and what becomes of what its destination refuses for good. What does not:
when to send, and waiting (`delivery.py`), or any one destination (`endpoint.py`, `landing.py`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Optional

from meterhouse_sdk import trouble
from meterhouse_sdk.config import OnDrop
from meterhouse_sdk.ids import uuid7
from meterhouse_sdk.spool import Spool
from meterhouse_sdk.transport import (
    EVENTS,
    OUTCOMES,
    Batch,
    Refusal,
    RefusedBatchError,
    TooLargeError,
    Transport,
)

Event = Mapping[str, Any]


class Courier:
    """Carries batches to a transport, and tells `on_drop` of every event that is lost on the way."""

    def __init__(
        self, transport: Optional[Transport], spool: Optional[Spool], on_drop: Optional[OnDrop]
    ) -> None:
        self._transport = transport
        self._spool = spool
        self._on_drop = on_drop

    @property
    def title(self) -> str:
        """Where it carries to, in words."""
        return self._transport.title if self._transport else "metering endpoint"

    def batch(self, events: Sequence[Event]) -> Batch:
        """Events of one kind as a batch with an id of its own."""
        assert self._transport is not None
        lines = _lines(events, self._transport.stamps_arrival)
        return Batch(uuid7(), lines, len(events), kind_of(events[0]) if events else EVENTS)

    def send(self, batch: Batch) -> int:
        """Hand a batch over, in parts where it is too large; the number of events refused for good."""
        assert self._transport is not None
        try:
            refusals = self._transport.send(batch)
        except TooLargeError as error:
            if batch.event_count > 1:
                return sum(self.send(part) for part in _halves(batch))
            refusals = [Refusal(0, str(error))]
            self._put_aside(batch)
        except RefusedBatchError as error:
            refusals = [Refusal(index, str(error)) for index in range(batch.event_count)]
            self._put_aside(batch)
        if refusals:
            lines = batch.lines.splitlines()
            for refusal in refusals:
                self.report(
                    "rejected",
                    [json.loads(lines[refusal.index])],
                    f"the {self.title} rejected: {refusal.reason}",
                )
        return len(refusals)

    def _put_aside(self, batch: Batch) -> None:
        with trouble.kept_from_caller("putting a refused batch aside"):
            if self._spool is not None:
                self._spool.keep_refused(batch)

    def report(self, kind: str, events: Sequence[Event], reason: str) -> None:
        """Say that events are lost or rejected: in the log once per reason, and to `on_drop` each."""
        what = "lost" if kind == "dropped" else kind
        trouble.note(
            kind, reason, f"Metering events are {what}: {reason}. stats() counts them, on_drop receives them."
        )
        if self._on_drop is None:
            return
        for event in events:
            with trouble.kept_from_caller("telling on_drop"):
                self._on_drop(event, reason)


def kind_of(event: Event) -> str:
    """Whether it is an event or an outcome, as batches name them."""
    return OUTCOMES if "outcome_id" in event else EVENTS


def _halves(batch: Batch) -> list[Batch]:
    lines = batch.lines.splitlines(keepends=True)
    middle = len(lines) // 2
    return [
        Batch(f"{batch.batch_id}-{name}", b"".join(part), len(part), batch.kind)
        for name, part in (("a", lines[:middle]), ("b", lines[middle:]))
    ]


def _lines(events: Sequence[Event], is_stamped: bool) -> bytes:
    stamp = (
        {"received_at": datetime.now(timezone.utc).isoformat(timespec="microseconds")} if is_stamped else {}
    )
    return "".join(json.dumps({**event, **stamp}) + "\n" for event in events).encode()
