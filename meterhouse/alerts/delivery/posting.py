"""Posting JSON to an address that a channel was given, and what its answer means.

What belongs here: one request, never retried here (`outbox.py` does), and errors without address or secret. What does
not: what any channel says (`webhook.py`, `pagerduty.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from meterhouse.alerts.delivery.contract import FailedError, RefusedError

TIMEOUT_SECONDS = 8
LONGEST_RETRY_AFTER = timedelta(hours=1)
DEFAULT_RETRY_AFTER = timedelta(seconds=30)


def post_json(title: str, url: str, body: bytes, headers: Mapping[str, str], mend: str) -> None:
    """Post a body; any 2xx means that it was taken.

    Args:
        title: The channel in words.
        url: Where to; it may hold a secret, so no error names it.
        body: JSON text.
        headers: Besides the content type.
        mend: What to do when the receiver refuses for good.

    Raises:
        FailedError: The receiver did not answer, was busy or broken.
        RefusedError: It will never take this, or sends elsewhere: following would carry the message away.
    """
    try:
        answer = requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json", "User-Agent": "meterhouse", **headers},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise FailedError(f"{title} could not be reached ({type(error).__name__}).") from None
    status = answer.status_code
    if 200 <= status < 300:
        return
    if status == 429:
        raise FailedError(f"{title} asked to wait (429).", retry_after(answer.headers))
    if status >= 500 or status == 408:
        raise FailedError(f"{title} answered {status}.")
    raise RefusedError(f"{title} refused the message ({status}): {mend}.")


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """Seconds or an HTTP date; a missing or odd one counts as half a minute."""
    text = {name.lower(): value for name, value in headers.items()}.get("retry-after", "").strip()
    try:
        wait = (
            timedelta(seconds=float(text))
            if text[:1].isdigit()
            else parsedate_to_datetime(text) - datetime.now(UTC)
        )
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_RETRY_AFTER
    return min(max(wait, timedelta(seconds=1)), LONGEST_RETRY_AFTER)
