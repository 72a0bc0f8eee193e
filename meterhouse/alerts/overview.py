"""The incidents on record and their messages, as lists and the console show them.

What belongs here: reading them. What does not: how they came about (`incidents.py`) or are delivered (`outbox.py`).
"""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from meterhouse.control.database import reading
from meterhouse.control.tables import AlertBatchRow, IncidentRow, OutboxRow
from meterhouse.settings import Settings


def newest_incidents(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest incidents, newest first, with what became of their messages.

    Returns:
        The shape of `meterhouse alerts list --json`; values and limits are decimal text, times aware datetimes.
    """
    with reading(settings) as transaction:
        rows = list(
            transaction.scalars(
                select(IncidentRow).order_by(IncidentRow.fired_at.desc(), IncidentRow.id).limit(limit)
            )
        )
        ids = [row.id for row in rows]
        messages = list(
            transaction.scalars(
                select(OutboxRow).where(OutboxRow.incident_id.in_(ids)).order_by(OutboxRow.id)
            )
        )
    return [
        {
            "id": row.id,
            "rule": row.rule,
            "group": json.loads(row.group_key),
            "severity": row.severity,
            "status": row.status,
            "is_shadow": row.is_shadow,
            "value": row.value,
            "limit": row.limit,
            "fired_at": row.fired_at,
            "resolved_at": row.resolved_at,
            "first_event_id": row.first_event_id,
            "trace_id": row.trace_id,
            "messages": [_message(message) for message in messages if message.incident_id == row.id],
        }
        for row in rows
    ]


def _message(row: OutboxRow) -> dict[str, Any]:
    names = ("event", "channel", "status", "attempt_count", "sent_at", "last_error")
    return {name: getattr(row, name) for name in names}


def last_judged_at(settings: Settings) -> datetime | None:
    """When the rules last judged an event file; None before the first."""
    with reading(settings) as opened:
        return opened.scalar(select(func.max(AlertBatchRow.judged_at)))


def newest_messages(settings: Settings, limit: int) -> list[tuple[OutboxRow, IncidentRow]]:
    """The newest messages to channels, newest first, each with its incident."""
    query = (
        select(OutboxRow, IncidentRow)
        .join(IncidentRow, IncidentRow.id == OutboxRow.incident_id)
        .order_by(OutboxRow.created_at.desc(), OutboxRow.id.desc())
        .limit(limit)
    )
    with reading(settings) as opened:
        return [(message, incident) for message, incident in opened.execute(query)]
