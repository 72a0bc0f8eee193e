"""The event ids the endpoint acknowledged, for a bounded window, shared by all its processes.

What belongs here: asking and remembering, in bulk: one statement and one parameter for any number of ids. What does
not: what follows from it (`commit.py`), and counting each event once, which is the warehouse's alone
(`int_events__deduplicated`).
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import String, TableValuedAlias, cast, delete, func, literal, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from meterhouse.control.tables import SeenEventRow, UtcDateTime

SCHEMA = pl.Schema(
    {"id_hash": pl.String(), "seen_body_hash": pl.String(), "seen_at": pl.Datetime("us", "UTC")}
)

_FORGET_SIZE = 5000


def lookup(opened: Session, id_hashes: Sequence[str]) -> pl.DataFrame:
    """Of these ids those acknowledged within the window (`SCHEMA`)."""
    asked = _pairs(opened, dict.fromkeys(id_hashes, ""))
    found = opened.execute(
        select(SeenEventRow.id_hash, SeenEventRow.body_hash, SeenEventRow.received_at).join(
            asked, asked.c.key == SeenEventRow.id_hash
        )
    )
    return pl.DataFrame([tuple(row) for row in found], schema=SCHEMA, orient="row")


def remember(opened: Session, body_hashes: dict[str, str], received_at: datetime) -> int:
    """Remember ids, with the hash of each one's body, that are not remembered yet; those that are stay as they were.

    Returns:
        How many were new.
    """
    if not body_hashes:
        return 0
    given = _pairs(opened, body_hashes)
    rows = select(given.c.key, given.c.value, literal(received_at, UtcDateTime)).where(true())
    is_sqlite = opened.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert(SeenEventRow) if is_sqlite else postgresql.insert(SeenEventRow)
    done: Any = opened.execute(
        insert.from_select(["id_hash", "body_hash", "received_at"], rows).on_conflict_do_nothing()
    )
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


def _pairs(opened: Session, values: dict[str, str]) -> TableValuedAlias:
    """A table of `key` and `value` that travels as one JSON text."""
    text = literal(json.dumps(values), String)
    if opened.get_bind().dialect.name == "sqlite":
        return func.json_each(text).table_valued("key", "value")
    return func.json_each_text(cast(text, postgresql.JSON)).table_valued("key", "value")
