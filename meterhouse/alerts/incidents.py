"""Incidents: the firing intervals as people were told of them.

Each judgement compares the intervals that the events now show with the incidents on record, and writes the
difference: opened, resolved, reopened, amended or retracted. An incident keeps its id through all of it. What belongs
here: that comparison, and the rows. What does not: when a rule fires (`evaluate.py`), and messages (`outbox.py`).
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.budgets import BILLED_PREFIX
from meterhouse.alerts.contributors import contributors
from meterhouse.alerts.outbox import last_told, queue, queue_follow_up
from meterhouse.alerts.record import Key, Record, covers
from meterhouse.alerts.rules import HealthRule, Rule
from meterhouse.alerts.windows import SERIES
from meterhouse.alerts.wording import facts, facts_of_rule, plain_number
from meterhouse.control.tables import IncidentRow

BACKFILL_AGE = timedelta(hours=6)
"""An interval that was over this long before it was first judged is recorded, and nobody is told."""

_NAMESPACE = uuid.UUID("6f3d0e0a-6a57-5d0f-9c36-3c0a8d8f2b11")

Interval = dict[str, Any]
"""One row of `evaluate.INTERVAL_SCHEMA`."""
EXPLAINED_AT_ONCE = 5
"""Of so many anomalies of a judgement a message says what contributes: more are told of in one message."""


@dataclass(frozen=True)
class Change:
    """What a judgement did to one incident: `fired`, `resolved`, `reopened`, `amended` or `retracted`."""

    event: str
    rule: str
    group: str
    incident_id: str


def reconcile(
    session: Session,
    rules: Sequence[Rule],
    intervals: pl.DataFrame,
    since: pl.DataFrame,
    record: Record,
    now: datetime,
) -> list[Change]:
    """Write the difference between the intervals and the incidents on record, and queue its messages.

    Args:
        session: Control database; the caller commits.
        rules: The rules that `rule` is a place in.
        intervals: What `evaluate.fired` found from `since` on.
        since: Columns `rule`, `group` and `since`.
        record: What `on_record` found.
        now: Time of the judgement.
    """
    found: dict[Key, list[Interval]] = defaultdict(list)
    for interval in intervals.iter_rows(named=True):
        found[interval["rule"], interval["group"], interval["severity"]].append(interval)
    _explain(session, rules, found, record)
    keys = sorted(found.keys() | record.keys())
    starts = {(rule, group): start for rule, group, start in since.select(*SERIES, "since").iter_rows()}
    changes = [
        _apply(session, rules[key[0]], row, interval, now)
        for key in keys
        for row, interval in _pairs(
            rules[key[0]], found.get(key, []), record.get(key, []), starts[key[0], key[1]]
        )
    ]
    return [change for change in changes if change]


def _explain(
    session: Session, rules: Sequence[Rule], found: dict[Key, list[Interval]], record: Record
) -> None:
    """Add to new anomalies, unless many come at once, what contributes to them."""
    new = [
        (rule, interval)
        for key, intervals in found.items()
        if isinstance(rule := rules[key[0]], AnomalySide) and key not in record
        for interval in intervals
    ]
    for rule, interval in new if len(new) <= EXPLAINED_AT_ONCE else ():
        crossed_at = interval["fired_at"] - rule.persistence
        load = partial(batches.load, session)
        interval["contributors"] = contributors(rule, interval["group"], crossed_at, load)


def remind(session: Session, rules: Sequence[Rule], now: datetime) -> None:
    """Tell of incidents that last again, as often as their rules ask, to the channels that were told."""
    for rule in rules:
        if rule.renotify is None:
            continue
        query = select(IncidentRow).where(
            IncidentRow.rule == rule.name,
            IncidentRow.rule_version == rule.version,
            IncidentRow.status == "firing",
            IncidentRow.is_shadow.is_(False),
        )
        for row in session.scalars(query):
            if (told_at := last_told(session, row.id)) and told_at + rule.renotify <= now:
                queue_follow_up(session, row.id, "reminder", facts(row) | {"now": now.isoformat()}, now)


def withdraw(session: Session, rules: Sequence[Rule], now: datetime) -> list[Change]:
    """Close the open incidents of rules on events that were removed or changed: nothing judges them any more."""
    current = {(rule.name, rule.version) for rule in rules}
    changes = []
    for row in session.scalars(select(IncidentRow).where(IncidentRow.status == "firing")):
        is_of_events = not row.rule_version.startswith((HealthRule.VERSION_PREFIX, BILLED_PREFIX))
        if is_of_events and (row.rule, row.rule_version) not in current:
            row.status, row.resolved_at = "resolved", max(now, row.fired_at)
            changes.append(_follow_up(session, row, "resolved", now, note="The rule was changed or removed."))
    return changes


def _pairs(
    rule: Rule, intervals: list[Interval], rows: list[IncidentRow], since: datetime
) -> list[tuple[IncidentRow | None, Interval | None]]:
    """Which incident each interval belongs to: the one open before, the one of its id, else one it overlaps."""
    free = list(rows)
    owners: dict[int, IncidentRow] = {}

    def settle(belongs: Callable[[IncidentRow, Interval], bool]) -> None:
        for position, interval in enumerate(intervals):
            owner = (
                next((row for row in free if belongs(row, interval)), None)
                if position not in owners
                else None
            )
            if owner is not None:
                owners[position] = owner
                free.remove(owner)

    settle(lambda row, interval: interval["fired_at"] is None and covers(rule, row, since))
    settle(lambda row, interval: interval["fired_at"] is not None and row.id == _incident_id(rule, interval))
    settle(_overlap)
    owned: list[tuple[IncidentRow | None, Interval | None]] = [
        (owners.get(position), interval) for position, interval in enumerate(intervals)
    ]
    return [*owned, *((row, None) for row in free)]


def _overlap(row: IncidentRow, interval: Interval) -> bool:
    if row.status == "retracted" or interval["fired_at"] is None:
        return False
    starts_before_end = interval["resolved_at"] is None or row.fired_at < interval["resolved_at"]
    return starts_before_end and (row.resolved_at is None or interval["fired_at"] < row.resolved_at)


def _incident_id(rule: Rule, interval: Interval) -> str:
    """Id of the incident that this interval opens; the crossing's time tells apart two crossings after one event."""
    identity = [rule.name, rule.version, interval["group"], interval["severity"], interval["first_event_id"]]
    return str(uuid.uuid5(_NAMESPACE, json.dumps([*identity, interval["fired_at"].isoformat()])))


def _apply(
    session: Session, rule: Rule, row: IncidentRow | None, interval: Interval | None, now: datetime
) -> Change | None:
    if row is None:
        return _open(session, rule, interval, now) if interval else None
    if interval is None:
        return _retract(session, row, now)
    return _amend(session, rule, row, interval, now)


def _open(session: Session, rule: Rule, interval: Interval, now: datetime) -> Change:
    row = IncidentRow(
        id=_incident_id(rule, interval),
        rule=rule.name,
        rule_version=rule.version,
        group_key=interval["group"],
        severity=interval["severity"],
        opened_at=now,
        is_shadow=rule.mode == "shadow",
    )
    _fill(row, interval)
    session.add(row)
    session.flush()
    return _announce(session, rule, row, interval, now)


def _announce(session: Session, rule: Rule, row: IncidentRow, interval: Interval, now: datetime) -> Change:
    """Tell the rule's channels that an incident fired, and that it is over when it already is."""
    is_old = row.resolved_at is not None and row.resolved_at < now - BACKFILL_AGE
    if not row.is_shadow and not is_old:
        for channel in rule.notify:
            queue(
                session,
                row.id,
                "fired",
                channel,
                facts_of_rule(rule, row, interval) | facts(row),
                now,
            )
        if row.resolved_at is not None:
            _follow_up(session, row, "resolved", now, interval["resolved_value"])
    return Change("fired", row.rule, row.group_key, row.id)


def _amend(
    session: Session, rule: Rule, row: IncidentRow, interval: Interval, now: datetime
) -> Change | None:
    before = _state(row)
    _fill(row, interval)
    if _state(row) == before:
        return None
    if before[0] == "retracted":
        return _announce(session, rule, row, interval, now)
    event = {("firing", "resolved"): "resolved", ("resolved", "firing"): "reopened"}.get(
        (before[0], row.status)
    )
    if event is None:
        return Change("amended", row.rule, row.group_key, row.id)
    return _follow_up(session, row, event, now, interval["resolved_value"])


def _retract(session: Session, row: IncidentRow, now: datetime) -> Change | None:
    if row.status == "retracted":
        return None
    row.status, row.resolved_at = "retracted", row.fired_at
    return _follow_up(
        session, row, "retracted", now, note="Events that arrived late show that the limit was not crossed."
    )


def _follow_up(
    session: Session,
    row: IncidentRow,
    event: str,
    now: datetime,
    value: Decimal | None = None,
    note: str | None = None,
) -> Change:
    queue_follow_up(session, row.id, event, facts(row, value, note), now)
    return Change(event, row.rule, row.group_key, row.id)


def _state(row: IncidentRow) -> tuple[str, datetime, datetime | None, str, str | None]:
    return row.status, row.fired_at, row.resolved_at, row.value, row.first_event_id


def _fill(row: IncidentRow, interval: Interval) -> None:
    row.status = "firing" if interval["resolved_at"] is None else "resolved"
    row.resolved_at = interval["resolved_at"]
    if interval["fired_at"] is None:
        return
    row.fired_at = interval["fired_at"]
    row.value = plain_number(interval["value"])
    row.limit = interval["limit"]
    row.first_event_id = interval["first_event_id"]
    row.trace_id = interval["trace_id"]
