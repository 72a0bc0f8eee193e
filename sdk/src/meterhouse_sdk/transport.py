"""What delivery hands to a destination, and how a destination answers.

What belongs here: the shapes and errors all transports share. What does not: any one of them (`endpoint.py`,
`landing.py`), or what delivery does about an answer (`delivery.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

EVENTS, OUTCOMES = "events", "outcomes"


@dataclass(frozen=True)
class Batch:
    """Events on their way: the same id and the same bytes at every try."""

    batch_id: str
    lines: bytes
    """One JSON object per line."""
    event_count: int
    kind: str = EVENTS
    """What they are: events, or outcomes, which count as events in all our words and numbers."""


@dataclass(frozen=True)
class Refusal:
    """One event of a batch, by its place, that its destination keeps as a reject, and why."""

    index: int
    reason: str


class TooLargeError(Exception):
    """The destination takes smaller batches only."""


class RefusedBatchError(Exception):
    """The destination will never take this batch; says why."""


class BusyError(ConnectionError):
    """The destination asks to come back; `wait_seconds` says when, if it does."""

    def __init__(self, message: str, wait_seconds: Optional[float]) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Transport(Protocol):
    """Where batches go."""

    title: str
    """What it is, in words."""
    destination: str
    """Its address, without secrets."""
    stamps_arrival: bool
    """Whether events must say themselves when they arrived, as nobody behind the transport does."""

    def send(self, batch: Batch) -> Sequence[Refusal]:
        """Hand the batch over for good; the refused events are those not taken.

        Whatever is raised but `TooLargeError` and `RefusedBatchError`, the same batch is tried again.
        """
