"""A test event: one call that costs nothing, sent through the metering endpoint as a program would send it.

What belongs here: sending it, and saying in words why it was not taken. What does not: the endpoint itself.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from uuid_utils import uuid7

from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.gateway import keys
from meterhouse.gateway.keys import Scope
from meterhouse.settings import Settings

_TIMEOUT_SECONDS = 30


class GatewayError(MeterhouseError):
    """The metering endpoint did not take an event; never holds a key."""


@dataclass(frozen=True)
class SentEvent:
    """A test event and the endpoint's verdict on it."""

    event_id: str
    status: str
    url: str
    milliseconds: int


def send_test_event(settings: Settings, url: str | None = None, key_name: str | None = None) -> SentEvent:
    """Send a test event (a tool call that costs nothing); once this returns it is on disk.

    Args:
        settings: Where the installation lives.
        url: The endpoint, if not the one of the settings.
        key_name: The key to send with; may be left out where there is only one.

    Raises:
        UsageError: There is no key that may write, or more than one and none was named.
        ApiKeyError: There is no key of that name.
        GatewayError: The endpoint cannot be reached, or refused the event.
    """
    address = (url or settings.gateway_url).rstrip("/")
    key = keys.copy(settings, key_name or _only_key(settings)).key
    event = {
        "event_id": f"send-test-{uuid7()}",
        "source": "http",
        "provider": "meterhouse",
        "operation": "tool",
        "model": "send-test",
        "outcome": "ok",
        "environment": "test",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    began = time.perf_counter()
    answer = _sent(address, key, event)
    return SentEvent(
        event["event_id"], answer["status"], address, round((time.perf_counter() - began) * 1000)
    )


def _sent(address: str, key: str | None, event: dict[str, str]) -> dict[str, Any]:
    try:
        answer = requests.post(
            f"{address}/v1/events",
            json=event,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        raise GatewayError(
            f"The metering endpoint {address} cannot be reached ({type(error).__name__}).",
            "Start it with `meterhouse up` or `meterhouse gateway`, or set METERHOUSE_GATEWAY_URL.",
        ) from None
    try:
        content: dict[str, Any] = answer.json()
    except ValueError:
        content = {}
    if answer.status_code != requests.codes.ok or "status" not in content:
        raise GatewayError(
            f"{address} answered {answer.status_code}: {content.get('detail', 'no metering endpoint')}",
            "`meterhouse doctor` looks at the endpoint and its keys.",
        )
    return content


def _only_key(settings: Settings) -> str:
    writing = [
        one.name for one in keys.overview(settings) if one.revoked_at is None and Scope.WRITE in one.scopes
    ]
    if len(writing) != 1:
        raise UsageError(
            "There is no key that may write."
            if not writing
            else f"There are several keys: {', '.join(writing)}.",
            "Make one with `meterhouse keys create NAME`." if not writing else "Name one with --key.",
        )
    return writing[0]
