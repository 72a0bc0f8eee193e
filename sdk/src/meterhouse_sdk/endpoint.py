"""The metering endpoint as the SDK talks to it: it takes batches, acknowledged item by item, and tells of controls.

What belongs here: the requests, and what each answer means. What does not: when to send or ask, and what to do when
it fails (`delivery.py`, `controls.py`).
"""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Optional
from urllib.parse import urlsplit

from meterhouse_sdk.transport import Batch, BusyError, Refusal, RefusedBatchError, TooLargeError

_TIMEOUT_SECONDS = 10
_LONGEST_ANSWER = 16 * 1024 * 1024
_MEND = {
    401: "the API key is not accepted: make one with `meterhouse keys create` and set METERHOUSE_API_KEY",
    403: "the API key may not write events: make one that may with `meterhouse keys create`",
    404: "there is no metering endpoint at this address: check METERHOUSE_URL",
}


class Endpoint:
    """Sends batches to a metering endpoint.

    Args:
        url: Where the gateway answers, e.g. `http://127.0.0.1:8787`.
        api_key: A key that may write events.

    Raises:
        ValueError: the URL is not http or https, or the key cannot stand in a header.
    """

    title = "metering endpoint"
    stamps_arrival = False

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("METERHOUSE_URL must look like http://127.0.0.1:8787, with no user in it")
        if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ValueError(
                "the API key is not one word of plain characters: copy it again, whole and alone"
            )
        self.destination = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        self._key = api_key
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, batch: Batch) -> Sequence[Refusal]:
        """Hand the batch over; an answer of 2xx means that it is on the endpoint's disk.

        Returns:
            The events that the endpoint keeps as rejects, with its reasons.

        Raises:
            TooLargeError: the endpoint takes smaller batches only.
            RefusedBatchError: it will never take this batch.
            OSError: it is away, busy, or does not accept the key: worth another try.
        """
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": batch.batch_id,
        }
        _, body = self._ask(batch.kind, headers, gzip.compress(batch.lines, compresslevel=1, mtime=0))
        return _refusals(body)

    def controls(self, tag: Optional[str], /) -> Optional[tuple[str, bytes]]:
        """What is held back now, and the tag of that answer; None when it is still the answer with this tag.

        Raises:
            RefusedBatchError: the endpoint does not answer that.
            OSError: it is away, busy, or does not accept the key: worth another try.
        """
        try:
            headers, body = self._ask("controls", {"If-None-Match": tag} if tag else {})
        except _NotModifiedError:
            return None
        return str(headers.get("ETag", "")), body

    def _ask(self, path: str, headers: dict[str, str], data: Optional[bytes] = None) -> tuple[Any, bytes]:
        """Headers and body of an answer of 2xx to a GET, or to a POST of `data`."""
        own = {"Authorization": f"Bearer {self._key}", "User-Agent": "meterhouse-sdk"}
        request = urllib.request.Request(  # noqa: S310
            f"{self.destination}/v1/{path}", data=data, headers={**headers, **own}
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return answer.headers, answer.read(_LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                raise self._failure(error.code, error.read(_LONGEST_ANSWER), _wait(error.headers)) from None
        except urllib.error.URLError as error:
            raise ConnectionError(str(error.reason)) from None

    def _failure(self, status: int, body: bytes, wait_seconds: Optional[float]) -> Exception:
        if status == 304:
            return _NotModifiedError()
        if status == 413:
            return TooLargeError("the batch is larger than the endpoint takes")
        if status in _MEND:
            return PermissionError(f"HTTP {status}: {_MEND[status]}")
        if status in (408, 425, 429) or status >= 500:
            return BusyError(f"HTTP {status}", wait_seconds)
        return RefusedBatchError(f"HTTP {status}: {_detail(body)}")


class _NotModifiedError(Exception):
    """The answer is the one known."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following a redirect would carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _refusals(body: bytes) -> list[Refusal]:
    """What the answer says of items that were not accepted; an answer in another shape refused nothing."""
    try:
        items = json.loads(body)["items"]
        return [
            Refusal(int(item["index"]), str(item.get("reason") or item.get("detail") or "rejected"))
            for item in items
            if item["status"] in ("rejected", "conflict")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _detail(body: bytes) -> str:
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("title"))[:300]
    except (ValueError, AttributeError):
        return "no reason given"


def _wait(headers: Any) -> Optional[float]:
    text = str(headers.get("Retry-After", ""))
    return float(text) if text.isdigit() else None
