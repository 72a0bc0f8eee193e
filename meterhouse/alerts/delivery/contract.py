"""What a channel is given, and how it fails; no error ever holds a URL or token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Message:
    """A message in words; texts may hold what users supplied, and each channel escapes them its own way."""

    alert_id: str
    event: str
    """What it tells: fired, reminder (it lasts), resolved, reopened, retracted, or test."""
    title: str
    lines: tuple[tuple[str, str], ...]
    next_step: str | None
    facts: Mapping[str, Any]
    """The same for programs: numbers as decimal text, times RFC 3339 in UTC."""

    @property
    def key(self) -> str:
        """The same whenever this very message is sent again; every reminder is one of its own."""
        occasion = "".join(char for char in self.facts.get("now", "") if char.isdigit())
        return f"{self.alert_id}-{self.event}{occasion}"

    @property
    def is_over(self) -> bool:
        """Whether it says that there is nothing to act on any more."""
        return self.event in ("resolved", "retracted")


Send = Callable[[Message], None]
"""Hands one message to a channel; raises `FailedError` or `RefusedError`."""


class DeliveryError(Exception):
    """A channel did not take a message; says why in one sentence."""


class NotConfiguredError(DeliveryError):
    """The channel lacks its settings; the message says which."""


class FailedError(DeliveryError):
    """The channel did not answer, or asked to wait: worth another try.

    Args:
        message: One sentence.
        retry_after: How long the channel asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(DeliveryError):
    """The channel will never take the message as it is; the message says what to do."""
