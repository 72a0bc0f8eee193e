"""The audit log: every change that was asked for in the console, by whom, and what became of it.

What belongs here: writing and reading it. What does not: which requests are changes (`web.py`).
"""

from datetime import UTC, datetime

from sqlalchemy import select, update
from uuid_utils import uuid7

from meterhouse.control.database import reading, session
from meterhouse.control.tables import AuditRow
from meterhouse.settings import Settings

STARTED, DONE, REFUSED = "started", "done", "refused"


def begin(settings: Settings, user_name: str, address: str | None, action: str, subject: str | None) -> str:
    """Note that a change was asked for, before it is made; returns the entry's id."""
    row = AuditRow(
        id=str(uuid7()),
        at=datetime.now(UTC),
        user_name=user_name,
        address=address,
        action=action,
        subject=subject,
        outcome=STARTED,
    )
    with session(settings) as opened:
        opened.add(row)
    return row.id


def end(settings: Settings, entry_id: str, outcome: str, detail: str | None) -> None:
    """Note what became of it, in words without secrets."""
    with session(settings) as opened:
        opened.execute(update(AuditRow).where(AuditRow.id == entry_id).values(outcome=outcome, detail=detail))


def newest(settings: Settings, limit: int) -> list[AuditRow]:
    """The newest entries, newest first."""
    with reading(settings) as opened:
        return list(
            opened.scalars(select(AuditRow).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit))
        )
