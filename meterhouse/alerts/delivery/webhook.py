"""A signed webhook: the facts of each message as JSON, for programs.

The signature is HMAC-SHA256 over timestamp, a dot and the body, so that a receiver can tell that it is ours, whole and
recent (docs/alerts.md). What belongs here: body and signature. What does not: the request (`posting.py`).
"""

import hashlib
import hmac
import json
import time
from functools import partial

from meterhouse.alerts.delivery.contract import Message, NotConfiguredError, Send
from meterhouse.alerts.delivery.posting import post_json
from meterhouse.settings import Settings

_MEND = (
    "check METERHOUSE_ALERT_WEBHOOK_URL, and that its receiver has the same METERHOUSE_ALERT_WEBHOOK_SECRET"
)


def open_channel(settings: Settings) -> Send:
    """The channel `webhook`.

    Raises:
        NotConfiguredError: URL or secret is missing.
    """
    url, secret = settings.alert_webhook_url, settings.alert_webhook_secret
    if url is None or secret is None:
        raise NotConfiguredError(
            "The channel webhook is not set up: set METERHOUSE_ALERT_WEBHOOK_URL and METERHOUSE_ALERT_WEBHOOK_SECRET."
        )
    return partial(post, url.get_secret_value(), secret.get_secret_value(), settings.console_url)


def post(url: str, secret: str, console_url: str, message: Message) -> None:
    """Post a message, signed.

    Raises:
        FailedError: The receiver did not answer, was busy or broken.
        RefusedError: It will never take this message.
    """
    body = json.dumps(
        {
            "alert_id": message.alert_id,
            "event": message.event,
            "title": message.title,
            "lines": [{"label": label, "text": text} for label, text in message.lines],
            "next_step": message.next_step,
            "facts": message.facts,
            "console_url": console_url,
        }
    ).encode()
    timestamp = str(int(time.time()))
    headers = {
        "X-Meterhouse-Timestamp": timestamp,
        "X-Meterhouse-Signature": f"v1={signature(secret, timestamp, body)}",
        "Idempotency-Key": message.key,
    }
    post_json("The webhook", url, body, headers, _MEND)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, over the timestamp, a dot and the body."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
