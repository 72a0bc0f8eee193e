"""The event ids the endpoint acknowledged, for a bounded window, shared by all its processes.

What belongs here: asking and remembering, in bulk. What does not: what follows from it (`commit.py`), and counting
each event once, which is the warehouse's alone (`int_events__deduplicated`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from meterhouse.control.tables import SeenEventRow

SCHEMA = pl.Schema(
    {"id_hash": pl.Binary(), "seen_body_hash": pl.Binary(), "seen_at": pl.Datetime("us", "UTC")}
)

_QUERY_SIZE = 5000
_FORGET_SIZE = 5000


def lookup(opened: Session, id_hashes: Sequence[bytes]) -> pl.DataFrame:
    """Of these ids those acknowledged within the window (`SCHEMA`)."""
    found: list[Any] = []
    for start in range(0, len(id_hashes), _QUERY_SIZE):
        part = id_hashes[start : start + _QUERY_SIZE]
        found += opened.execute(
            select(SeenEventRow.id_hash, SeenEventRow.body_hash, SeenEventRow.received_at).where(
                SeenEventRow.id_hash.in_(part)
            )
        ).all()
    return pl.DataFrame([tuple(row) for row in found], schema=SCHEMA, orient="row")


def remember(opened: Session, id_hashes: list[bytes], body_hashes: list[bytes], received_at: datetime) -> int:
    """Remember ids that are not remembered yet; those that are stay as they were.

    Returns:
        How many were new.
    """
    if not id_hashes:
        return 0
    rows = [
        {"id_hash": id_hash, "body_hash": body_hash, "received_at": received_at}
        for id_hash, body_hash in zip(id_hashes, body_hashes, strict=True)
    ]
    is_sqlite = opened.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert(SeenEventRow) if is_sqlite else postgresql.insert(SeenEventRow)
    done: Any = opened.connection().execute(insert.on_conflict_do_nothing(), rows)
    return int(done.rowcount)


def forget(opened: Session, window_hours: float, now: datetime) -> bool:
    """Forget some of what is older than the window; whether there may be more."""
    old = (
        select(SeenEventRow.id_hash)
        .where(SeenEventRow.received_at < now - timedelta(hours=window_hours))
        .limit(_FORGET_SIZE)
    )
    done: Any = opened.execute(delete(SeenEventRow).where(SeenEventRow.id_hash.in_(old.scalar_subquery())))
    return int(done.rowcount) == _FORGET_SIZE
