"""What a channel is given, and how it fails; no error ever holds a URL or token."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Message:
    """A message in words; texts may hold what users supplied, and each channel escapes them its own way."""

    alert_id: str
    title: str
    lines: tuple[tuple[str, str], ...]
    next_step: str | None


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
