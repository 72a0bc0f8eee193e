"""Quotes: what calls cost by the price book, with a line per bucket.

What belongs here: calls in, priced lines out. What does not: how usage is split (`events/usage.py`), how a line is
judged (`events/reader.py`), or the arithmetic (`price.py`).
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import simplejson

from meterhouse.errors import MeterhouseError
from meterhouse.events.dialects.foreign import UndecidableError, time_of
from meterhouse.events.landing import LandingFile
from meterhouse.events.reader import FileReading, read_content
from meterhouse.events.schema import BUCKETS, EVENT_FIELDS
from meterhouse.events.usage import fields_of_usage
from meterhouse.pricing.book import PriceBook, price_column, trimmed
from meterhouse.pricing.price import price_events, with_sheets

_FIELDS = {field.name for field in EVENT_FIELDS}


class QuoteError(MeterhouseError):
    """The file of calls cannot be read."""


def quote_file(path: Path, book: PriceBook, now: datetime) -> list[dict[str, Any]]:
    """A quote per line of a file of JSON lines, in its order; see `quotes`.

    Raises:
        QuoteError: The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise QuoteError(f"{path} cannot be read: {reason}.") from None
    return quotes([line for line in text.splitlines() if line.strip()], book, now)


def quotes(lines: list[str], book: PriceBook, now: datetime) -> list[dict[str, Any]]:
    """Price calls.

    Args:
        lines: JSON objects, each a native event, or `id`, `provider`, `model`, `at` and `usage`, the provider's own
            usage object, with its `dialect` where the provider does not tell it, and any other field of an event.
        book: The price book.
        now: When a call without `at` was made.

    Returns:
        Per line `id`, `cost_usd`, `cost_status`, `price_version`, `tokens` by bucket and `line_items`. A line that is
        no call has the status `rejected` and its `reason`.
    """
    calls = [_call(line, str(position), now) for position, line in enumerate(lines)]
    content = "".join(call.line + "\n" for call in calls).encode()
    reading = read_content(LandingFile("events/calls", "", len(content), now), content, 0, now)
    answers: dict[int, dict[str, Any]] = dict(_priced(reading, book))
    refused = {row["file_line"] - 1: row["reason"] for row in reading.rejects.to_pylist()}
    return [
        {"id": call.id}
        | (answers.get(position) or _rejected(call.fault or refused.get(position) or "the line is no call"))
        for position, call in enumerate(calls)
    ]


class _Call:
    """One line: the id it is known by, the native line it stands for, and why it cannot be a call."""

    def __init__(self, call_id: Any, line: str, fault: str | None = None) -> None:
        self.id, self.line, self.fault = call_id, line, fault


def _call(line: str, position: str, now: datetime) -> _Call:
    """The call of a line, under the line's position as event id, so that no two calls are one event."""
    try:
        said = simplejson.loads(line, use_decimal=True)
    except (ValueError, RecursionError):
        return _Call(None, "{}", "the line is no JSON; write one JSON object a line")
    if not isinstance(said, dict):
        return _Call(None, "{}", "the line is no JSON object")
    call_id = said.get("id", said.get("event_id"))
    event = {name: value for name, value in said.items() if name in _FIELDS}
    event["started_at"] = time_of(said.get("at") or said.get("started_at") or now.isoformat())
    try:
        if isinstance(said.get("usage"), dict):
            event = fields_of_usage(said["usage"], said.get("provider"), said.get("dialect")) | event
        elif "usage" in said:
            raise UndecidableError("`usage` is not an object")
    except UndecidableError as error:
        return _Call(call_id, "{}", str(error))
    return _Call(call_id, simplejson.dumps(event | {"event_id": position}, use_decimal=True))


def _priced(reading: FileReading, book: PriceBook) -> Iterator[tuple[int, dict[str, Any]]]:
    events = price_events(pl.DataFrame(reading.events), book)
    prices = with_sheets(events, book)
    unit_prices = prices.select(price_column(bucket.token_type) for bucket in BUCKETS)
    for event, prices_of_event in zip(
        events.iter_rows(named=True), unit_prices.iter_rows(named=True), strict=True
    ):
        said = [bucket for bucket in BUCKETS if event[bucket.field] is not None]
        yield (
            event["file_line"] - 1,
            {
                "provider": event["provider"],
                "model": event["canonical_model"],
                "cost_usd": event["cost_usd"],
                "cost_status": event["cost_status"],
                "price_version": event["price_version"],
                "tokens": {bucket.field: _plain(event[bucket.field]) for bucket in said},
                "line_items": [
                    {
                        "token_type": bucket.token_type,
                        "quantity": _plain(event[bucket.field]),
                        "unit_price_usd": trimmed(prices_of_event[price_column(bucket.token_type)]),
                        "cost_usd": event[bucket.cost_field],
                    }
                    for bucket in said
                ],
            },
        )


def _rejected(reason: str) -> dict[str, Any]:
    nothing: dict[str, Any] = {"cost_usd": None, "cost_status": "rejected", "price_version": None}
    return nothing | {"tokens": {}, "line_items": [], "reason": " ".join(reason.split())}


def _plain(quantity: int | Decimal) -> int | Decimal | None:
    return trimmed(quantity) if isinstance(quantity, Decimal) else quantity
