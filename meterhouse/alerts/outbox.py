"""The outbox: messages are written with the state change they tell of, and handed to their channel afterwards.

A crash loses no message: it stays pending until its channel took it. It repeats at most one per crash, when the channel
took it and the note of that was lost. What belongs here: queueing, claiming, retry times. What does not: words
(`wording.py`) and how a channel is spoken to (`delivery/`).
"""

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, select, update
from sqlalchemy.orm import Session, aliased
from uuid_utils import uuid7

from meterhouse.alerts.delivery.channels import ONE_PER_INCIDENT, open_channel
from meterhouse.alerts.delivery.contract import FailedError, NotConfiguredError, RefusedError, Send
from meterhouse.alerts.wording import Facts, compose_folded
from meterhouse.control.database import reading, session
from meterhouse.control.tables import OutboxRow
from meterhouse.settings import Settings

LEASE = timedelta(seconds=20)
"""A claimed message whose sender died is free again after this; longer than any channel's timeout."""
LONGEST_PAUSE = timedelta(seconds=60)
UNCONFIGURED_PAUSE = timedelta(seconds=10)
BATCH_SIZE = 500
SENDS_AT_ONCE = 20
"""A round of delivery sends no more than this, so that new events are not kept waiting."""
FOLD_FROM = 6
"""From so many groups on, messages that tell the same of one rule go out as one."""


@dataclass(frozen=True)
class Delivery:
    """What one round of delivery did; `errors` holds one sentence per message that was not taken."""

    sent_count: int = 0
    errors: tuple[str, ...] = ()


def queue(session: Session, incident_id: str, event: str, channel: str, facts: Facts, now: datetime) -> None:
    """Queue one message; one of the same incident, event and channel from earlier gives way to it."""
    same = (OutboxRow.incident_id == incident_id, OutboxRow.event == event, OutboxRow.channel == channel)
    session.execute(delete(OutboxRow).where(*same))
    session.add(
        OutboxRow(
            id=str(uuid7()),
            incident_id=incident_id,
            event=event,
            channel=channel,
            payload=facts,
            status="pending",
            created_at=now,
            next_attempt_at=now,
        )
    )
    session.flush()


def queue_follow_up(session: Session, incident_id: str, event: str, facts: Facts, now: datetime) -> None:
    """Queue what became of an incident, to exactly those channels that are told that it fired.

    That a budget's period is over is told to those only that keep an incident open until then.
    """
    fired = select(OutboxRow).where(OutboxRow.incident_id == incident_id, OutboxRow.event == "fired")
    for row in session.scalars(fired).all():
        if event == "resolved" and "budget" in row.payload and row.channel not in ONE_PER_INCIDENT:
            continue
        queue(session, incident_id, event, row.channel, row.payload | facts, now)


def last_told(session: Session, incident_id: str) -> datetime | None:
    """When the newest message of an incident was queued; None when nobody is told of it."""
    query = select(OutboxRow.created_at).where(OutboxRow.incident_id == incident_id)
    return session.scalar(query.order_by(OutboxRow.created_at.desc()).limit(1))


def deliver(settings: Settings) -> Delivery:
    """Hand every due message to its channel, critical ones first, then oldest first.

    Messages of one incident keep their order. Many that tell the same of many groups of a rule go out as one, where the
    channel is read by people. Any number of processes may do this at once: each message is claimed before it is sent.
    """
    sent_count = 0
    errors = []
    for rows in _folded(_due(settings, datetime.now(UTC)))[:SENDS_AT_ONCE]:
        channel = rows[0].channel
        try:
            send = open_channel(settings, channel)
        except NotConfiguredError as error:
            errors.append(str(error))
            _postpone_channel(settings, channel, datetime.now(UTC) + UNCONFIGURED_PAUSE, str(error))
            continue
        claimed = _claim(settings, rows)
        if not claimed:
            continue
        error_text = _send(settings, claimed, send)
        sent_count += error_text is None
        errors += [error_text] if error_text else []
    return Delivery(sent_count, tuple(dict.fromkeys(errors)))


def _folded(rows: list[OutboxRow]) -> list[list[OutboxRow]]:
    """Messages that go out together: those of many groups of a rule that tell the same, else each alone."""
    alike: dict[tuple[str, ...], list[OutboxRow]] = defaultdict(list)
    for row in rows:
        alike[row.channel, row.event, row.payload["rule"], row.payload["severity"]].append(row)
    folded: list[list[OutboxRow]] = []
    for (channel, *_), same in alike.items():
        is_one = len(same) >= FOLD_FROM and channel not in ONE_PER_INCIDENT
        folded += [same] if is_one else [[row] for row in same]
    return sorted(folded, key=lambda same: (same[0].payload["severity"] != "critical", same[0].id))


def _send(settings: Settings, rows: list[OutboxRow], send: Send) -> str | None:
    """Send claimed messages as one and note how that ended; the error in words if it was not taken."""
    try:
        send(compose_folded(rows[0].event, [row.payload for row in rows]))
    except RefusedError as error:
        _settle(settings, rows, status="dead", last_error=str(error))
        return str(error)
    except FailedError as error:
        pause = error.retry_after or _backoff(rows[0].attempt_count)
        next_attempt_at = datetime.now(UTC) + pause
        _settle(settings, rows, next_attempt_at=next_attempt_at, last_error=str(error))
        _postpone_channel(settings, rows[0].channel, next_attempt_at, str(error))
        return str(error)
    _settle(settings, rows, status="sent", sent_at=datetime.now(UTC), last_error=None)
    return None


def _due(settings: Settings, now: datetime) -> list[OutboxRow]:
    earlier = aliased(OutboxRow)
    waits_for_earlier = exists().where(
        earlier.incident_id == OutboxRow.incident_id,
        earlier.channel == OutboxRow.channel,
        earlier.status == "pending",
        earlier.id < OutboxRow.id,
    )
    query = (
        select(OutboxRow)
        .where(OutboxRow.status == "pending", OutboxRow.next_attempt_at <= now, ~waits_for_earlier)
        .order_by(OutboxRow.id)
        .limit(BATCH_SIZE)
    )
    with reading(settings) as transaction:
        return list(transaction.scalars(query))


def _claim(settings: Settings, rows: list[OutboxRow]) -> list[OutboxRow]:
    """Make messages ours until the lease ends, but for those that another process took, or whose channel pauses."""
    now = datetime.now(UTC)
    with session(settings) as transaction:
        return [row for row in rows if _claimed(transaction, row, now)]


def _claimed(transaction: Session, row: OutboxRow, now: datetime) -> bool:
    still_free = (
        OutboxRow.status == "pending",
        OutboxRow.attempt_count == row.attempt_count,
        OutboxRow.next_attempt_at <= now,
    )
    row.attempt_count += 1
    return _update(
        transaction, row, *still_free, attempt_count=row.attempt_count, next_attempt_at=now + LEASE
    )


def _settle(settings: Settings, rows: list[OutboxRow], **changes: Any) -> None:
    """Note how the attempt ended, unless the lease ran out and another process claimed the message."""
    with session(settings) as transaction:
        for row in rows:
            _update(transaction, row, OutboxRow.attempt_count == row.attempt_count, **changes)


def _update(transaction: Session, row: OutboxRow, *conditions: Any, **changes: Any) -> bool:
    statement = update(OutboxRow).where(OutboxRow.id == row.id, *conditions).values(**changes)
    return cast(CursorResult[Any], transaction.execute(statement)).rowcount == 1


def _postpone_channel(settings: Settings, channel: str, until: datetime, reason: str) -> None:
    """A channel that fails once is left alone by every message for as long."""
    with session(settings) as transaction:
        transaction.execute(
            update(OutboxRow)
            .where(
                OutboxRow.channel == channel, OutboxRow.status == "pending", OutboxRow.next_attempt_at < until
            )
            .values(next_attempt_at=until, last_error=reason)
        )


def _backoff(attempt_count: int) -> timedelta:
    """Twice as long after each attempt, with jitter, up to a minute."""
    return min(LONGEST_PAUSE, timedelta(seconds=2.0 ** min(attempt_count, 10))) * random.uniform(0.5, 1.0)  # noqa: S311
