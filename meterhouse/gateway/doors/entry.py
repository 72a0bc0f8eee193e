"""What every door shares: the key, the body within its limits, the commit, the counts.

What belongs here: the way from a request to its verdicts. What does not: any protocol's words.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import polars as pl
from starlette.requests import Request

from meterhouse.control.tables import ApiKeyRow
from meterhouse.events.dialects.foreign import Item
from meterhouse.events.kinds import EVENTS, RecordKind
from meterhouse.gateway import metrics
from meterhouse.gateway.access import Access
from meterhouse.gateway.bodies import fit, read_body, unpacked
from meterhouse.gateway.commit import Delivery
from meterhouse.gateway.idempotency import IdempotentAnswers
from meterhouse.gateway.keys import Scope
from meterhouse.gateway.queue import CommitQueue
from meterhouse.settings import Settings

NO_VERDICTS = pl.DataFrame(
    schema={
        "id": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "unknown_fields": pl.List(pl.String),
        "has_lost_prompts": pl.Boolean,
    }
)

_INLINE_BYTES = 16 * 1024


@dataclass(frozen=True)
class Gateway:
    """One worker process of the endpoint: its settings, its keys, its queues, one per kind of records by its name."""

    settings: Settings
    access: Access
    queues: Mapping[str, CommitQueue]
    answers: IdempotentAnswers


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves the request."""
    found: Gateway = request.app.state.gateway
    return found


async def admitted(request: Request, scope: Scope = Scope.WRITE) -> ApiKeyRow:
    """The key of the request.

    Raises:
        ProblemError: See `Access.admit`.
    """
    return await gateway_of(request).access.admit(request, scope)


async def verdicts_on(
    request: Request,
    door: str,
    source: str,
    items_of: Callable[[bytes], pl.DataFrame],
    body: bytes | None = None,
    kind: RecordKind = EVENTS,
) -> pl.DataFrame:
    """Read the body, cut it into items, commit them, count them.

    Args:
        request: The request; its key must have been admitted.
        door: Name for the metrics.
        source: `source` of events that say none.
        items_of: From the unpacked body to `file_line`, `line`, `is_utf8`, and maybe `unfit`.
        body: The body as sent, when it is read already.
        kind: What the items are.

    Returns:
        See `Committer.commit`; empty when the body holds no item.

    Raises:
        ProblemError: A limit, a damaged body, or a disk that cannot be written.
    """
    gateway = gateway_of(request)
    queue = gateway.queues[kind.name]
    encoding = request.headers.get("content-encoding", "")
    with queue.room() as take:
        given = await read_body(request, gateway.settings, take) if body is None else body
        items = await _in_thread_if_large(given, lambda: _items(given, encoding, items_of, gateway.settings))
        if items.is_empty():
            return NO_VERDICTS
        take(int(items["line"].str.len_bytes().sum()))
        verdicts = await queue.commit(Delivery(items, source))
    for status, count in verdicts["status"].value_counts().rows():
        metrics.EVENTS.labels(door, status).inc(count)
    return verdicts


def items_from(items: Iterable[Item]) -> pl.DataFrame:
    """Items that are UTF-8, as a table."""
    rows = [(item.line, item.unfit) for item in items]
    table = pl.DataFrame(rows, schema={"line": pl.String, "unfit": pl.String}, orient="row")
    return table.with_row_index("file_line", offset=1).select(
        pl.col("file_line").cast(pl.Int64), "line", "unfit", is_utf8=pl.lit(True)
    )


def _items(
    body: bytes, encoding: str, items_of: Callable[[bytes], pl.DataFrame], settings: Settings
) -> pl.DataFrame:
    return fit(items_of(unpacked(body, encoding, settings)), settings)


async def _in_thread_if_large(body: bytes, work: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    return work() if len(body) <= _INLINE_BYTES else await asyncio.to_thread(work)
