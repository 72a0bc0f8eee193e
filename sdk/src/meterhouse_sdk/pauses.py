"""When the next try is due.

What belongs here: pauses between tries, exponential with jitter or as the destination asks. What does not:
what is tried (`delivery.py`).
"""

import random
import time

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 30.0
_LONGEST_ASKED_SECONDS = 300.0


class Pauses:
    """The pause after the last failed try; none while tries succeed."""

    def __init__(self) -> None:
        self.until = 0.0
        """On the monotonic clock."""
        self.tries = 0
        """Tries that failed in a row."""

    def begin(self, error: Exception) -> None:
        """A try failed: wait as its `wait_seconds` asks, else longer each time."""
        seconds = min(_FIRST_SECONDS * 2**self.tries, _LONGEST_SECONDS)
        asked = getattr(error, "wait_seconds", None)
        self.tries = min(self.tries + 1, 20)
        wait = min(asked, _LONGEST_ASKED_SECONDS) if asked is not None else seconds * random.uniform(0.5, 1)  # noqa: S311
        self.until = time.monotonic() + wait

    def end(self) -> bool:
        """A try succeeded; whether one had failed before."""
        had_failed = self.tries > 0
        self.tries, self.until = 0, 0.0
        return had_failed

    def are_over(self) -> bool:
        """Whether a try may be made now."""
        return time.monotonic() >= self.until
