"""Rules on the pipeline's own health: incidents open while something is not well, and end when it is.

They are judged by the clock, from the control database and the age of the published marts, and go the same way as all
others: incidents and messages commit together, the outbox delivers. What belongs here: what is not well now, and what
that does to the incidents. What does not: how well a connection is (`connections/status.py`), metered events
(`judgement.py`).
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from meterhouse.alerts.incidents import Change
from meterhouse.alerts.outbox import queue, queue_follow_up
from meterhouse.alerts.rules import HealthRule
from meterhouse.alerts.wording import facts, facts_of_health
from meterhouse.connections.overview import overview
from meterhouse.connections.status import State
from meterhouse.control.database import reading, session, take_turns
from meterhouse.control.tables import IncidentRow, LandingFileRow
from meterhouse.published import unpublished_since
from meterhouse.settings import Settings

REJECTS_WITHIN = timedelta(days=1)
BEHIND_AFTER = timedelta(hours=1)
RUN_FAILED = "run_failed"


@dataclass(frozen=True)
class Ailment:
    """Something that is not well: its state in a word or number, why in a sentence, and what to do."""

    state: str
    reason: str
    next_step: str


Ailments = Mapping[str, Ailment]
"""By group, as canonical JSON."""


def judge_health(settings: Settings, rules: Sequence[HealthRule], now: datetime) -> list[Change]:
    """Open an incident for what is not well and has none, and end those of what is well again, in one transaction.

    Incidents of runs are left as `report_run` put them, unless their rule is gone.

    Raises:
        ControlDatabaseError: The control database cannot be used.
    """
    found = {check: look(settings, now) for check, look in _CHECKS.items()}
    changes: list[Change] = []
    with session(settings) as transaction:
        take_turns(transaction, "alerts")
        for rule in rules:
            if rule.health in found:
                changes += compare(transaction, rule, found[rule.health], now)
        changes += _withdraw(transaction, rules, now)
    return changes


def report_run(
    settings: Settings, rules: Sequence[HealthRule], job: str, error: str | None, now: datetime
) -> list[Change]:
    """Note how the newest run of a job ended: an incident is open from a failed run to the next good one.

    Args:
        settings: Where the installation lives.
        rules: All health rules in force.
        job: Name of the job.
        error: What went wrong, in one line; None when the run succeeded.
        now: Time of the report.
    """
    next_step = "Open the run in Dagster, mend what its log names, and run the job again."
    ailments = {} if error is None else {group_of(job=job): Ailment("failed", error, next_step)}
    with session(settings) as transaction:
        take_turns(transaction, "alerts")
        return [
            change
            for rule in rules
            if rule.health == RUN_FAILED
            for change in compare(transaction, rule, ailments, now, only_group=group_of(job=job))
        ]


def compare(
    transaction: Session,
    rule: HealthRule,
    ailments: Ailments,
    now: datetime,
    only_group: str | None = None,
) -> list[Change]:
    """Open an incident of a rule for what is not well and has none, and end those of what is well again."""
    query = select(IncidentRow).where(
        IncidentRow.rule == rule.name,
        IncidentRow.rule_version == rule.version,
        IncidentRow.status == "firing",
    )
    known = {
        row.group_key: row
        for row in transaction.scalars(query)
        if only_group is None or row.group_key == only_group
    }
    ended = [_end(transaction, known[group], now) for group in sorted(known.keys() - ailments.keys())]
    opened = [
        _open(transaction, rule, group, ailments[group], now)
        for group in sorted(ailments.keys() - known.keys())
    ]
    return [*ended, *opened]


def _open(transaction: Session, rule: HealthRule, group: str, ailment: Ailment, now: datetime) -> Change:
    row = IncidentRow(
        id=str(uuid.uuid4()),
        rule=rule.name,
        rule_version=rule.version,
        group_key=group,
        severity=rule.severity,
        status="firing",
        fired_at=now,
        opened_at=now,
        value=ailment.state,
        limit="well",
        is_shadow=rule.mode == "shadow",
    )
    transaction.add(row)
    transaction.flush()
    about = facts_of_health(rule.health, ailment.reason, ailment.next_step) | facts(row)
    for channel in rule.notify if rule.mode == "live" else ():
        queue(transaction, row.id, "fired", channel, about, now)
    return Change("fired", row.rule, row.group_key, row.id)


def _end(transaction: Session, row: IncidentRow, now: datetime, note: str = "It is well again.") -> Change:
    row.status, row.resolved_at = "resolved", max(now, row.fired_at)
    queue_follow_up(transaction, row.id, "resolved", facts(row, note=note), now)
    return Change("resolved", row.rule, row.group_key, row.id)


def _withdraw(transaction: Session, rules: Sequence[HealthRule], now: datetime) -> list[Change]:
    """End the open incidents of health rules that were removed or changed."""
    current = {(rule.name, rule.version) for rule in rules}
    query = select(IncidentRow).where(
        IncidentRow.status == "firing", IncidentRow.rule_version.startswith(HealthRule.VERSION_PREFIX)
    )
    return [
        _end(transaction, row, now, "The rule was changed or removed.")
        for row in transaction.scalars(query).all()
        if (row.rule, row.rule_version) not in current
    ]


def _stale_connections(settings: Settings, now: datetime) -> Ailments:
    return {
        group_of(connection=one.connection.name, provider=one.connection.provider): Ailment(
            one.status.state.value,
            one.status.reason,
            one.status.next_step or f"See `meterhouse connections test {one.connection.name!r}`.",
        )
        for one in overview(settings, now)
        if one.status.state is State.DISCONNECTED and not one.connection.is_paused
    }


def _rejected_lines(settings: Settings, now: datetime) -> Ailments:
    query = select(func.sum(LandingFileRow.rejected_count)).where(
        LandingFileRow.loaded_at > now - REJECTS_WITHIN
    )
    with reading(settings) as transaction:
        count = int(transaction.scalar(query) or 0)
    if not count:
        return {}
    reason = f"{count} lines that came within a day are no events and count nowhere"
    return {
        group_of(): Ailment(str(count), reason, "`meterhouse events rejects` says why, and how to mend them.")
    }


def _marts_behind(settings: Settings, now: datetime) -> Ailments:
    since = unpublished_since(settings)
    if since is None or now - since < BEHIND_AFTER:
        return {}
    reason = f"events loaded at {since:%Y-%m-%d %H:%M} UTC are in no published mart yet"
    return {
        group_of(): Ailment("behind", reason, "Look at the newest run in Dagster, or run `meterhouse build`.")
    }


_CHECKS: dict[str, Callable[[Settings, datetime], Ailments]] = {
    "connection_stale": _stale_connections,
    "rejected_lines": _rejected_lines,
    "marts_behind": _marts_behind,
}


def group_of(**dimensions: str | None) -> str:
    """A group of an incident, as canonical JSON."""
    return json.dumps(dict(sorted(dimensions.items())), separators=(",", ":"), ensure_ascii=False)
