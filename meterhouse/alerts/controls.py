"""Cost controls: which calls are to be held back now, from the rules with `enforce` and the incidents on record.

Nothing is counted here: a control is in force while its incident fires, so it cannot disagree with the alert. What
belongs here: that reading of the ledger. What does not: when a rule fires (`evaluate.py`), how programs ask
(`gateway/doors/controls.py`) and what they do before a call (the SDK).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from meterhouse.alerts import batches
from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.rules import HealthRule, Rule
from meterhouse.alerts.rules_file import RulesError, load_rules
from meterhouse.alerts.samples import TIME, period_end
from meterhouse.control.database import reading
from meterhouse.control.tables import IncidentRow
from meterhouse.settings import Settings

ACTIONS = {
    ("block", "critical"): "block",
    ("block", "warning"): "warn",
    ("warn", "critical"): "warn",
    ("warn", "warning"): "warn",
    ("shadow", "critical"): "would_block",
}
"""What is done before a call, by `enforce` of the rule and severity of the incident."""


@dataclass(frozen=True)
class Hold:
    """One group that is beyond a limit now; `value` is what crossed it, `value` and `limit` are decimal text."""

    incident_id: str
    group: dict[str, str | None]
    severity: str
    action: str
    value: str
    comparison: str
    limit: str
    fired_at: datetime
    resets_at: datetime | None
    """End of the calendar period; None for a rolling window, which ends when enough calls have left it."""


@dataclass(frozen=True)
class Control:
    """A rule, or one step of a budget, and the groups it holds back now."""

    rule: Rule
    holds: tuple[Hold, ...]

    def as_answer(self) -> dict[str, Any]:
        """The shape in which programs are told."""
        metric = METRICS[self.rule.metric]
        where = {
            field: test.model_dump(by_alias=True, exclude_none=True)
            for field, test in self.rule.where.items()
        }
        return {
            "rule": self.rule.name,
            "enforce": self.rule.enforce,
            "metric": "projected end of period" if self.rule.is_paced else metric.title,
            "unit": metric.unit,
            "window": self.rule.window_text,
            "group_by": sorted(set(self.rule.group_by)),
            "where": where,
            "groups": [_as_answer(hold) for hold in self.holds],
        }


def in_force(settings: Settings, now: datetime) -> list[Control]:
    """The controls that hold a group back now, in the order of the rules file, groups by name.

    A group is left out once its calendar period is over, or its window has moved past all that was judged: whatever
    became of the process that judges, nothing is held back longer than its rule can mean.

    Raises:
        RulesError: The rules file is wrong, or gone while incidents of its rules last.
        ControlDatabaseError: The control database cannot be used.
    """
    rules = _enforced(settings.rules_file)
    with reading(settings) as transaction:
        if rules is None:
            _refuse_to_guess(transaction, settings.rules_file)
            return []
        if not rules:
            return []
        judged_until = batches.silence_judged_until(transaction)
        query = select(IncidentRow).where(
            IncidentRow.rule.in_([rule.name for rule in rules]), IncidentRow.status == "firing"
        )
        rows = list(transaction.scalars(query))
    firing: dict[tuple[str, str], list[IncidentRow]] = defaultdict(list)
    for row in rows:
        firing[row.rule, row.rule_version].append(row)
    found = [
        Control(rule, _holds(rule, firing[rule.name, rule.version], judged_until, now)) for rule in rules
    ]
    return [control for control in found if control.holds]


def _enforced(rules_file: Path) -> list[Rule] | None:
    """The rules with `enforce`; None when there is no file."""
    if not rules_file.exists():
        return None
    return _enforced_as_of(rules_file, rules_file.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _enforced_as_of(rules_file: Path, changed_at: int) -> list[Rule]:  # noqa: ARG001
    return [rule for rule in load_rules(rules_file) if rule.enforce is not None]


def _refuse_to_guess(transaction: Session, rules_file: Path) -> None:
    """Without the rules nobody can tell which of the lasting incidents hold calls back."""
    lasting = select(IncidentRow.id).where(
        IncidentRow.status == "firing", IncidentRow.rule_version.not_like(f"{HealthRule.VERSION_PREFIX}%")
    )
    if transaction.scalar(lasting.limit(1)) is not None:
        raise RulesError([f"{rules_file}: there is no such file here, though incidents of its rules last."])


def _holds(
    rule: Rule, rows: Sequence[IncidentRow], judged_until: datetime, now: datetime
) -> tuple[Hold, ...]:
    if not rows or (rule.window is not None and judged_until + rule.window <= now):
        return ()
    ends = pl.DataFrame({"at": [row.fired_at for row in rows]}, schema={"at": TIME}).select(
        period_end(rule, pl.col("at"))
    )
    holds = [
        _hold(rule, row, resets_at, ACTIONS[str(rule.enforce), row.severity])
        for row, resets_at in zip(rows, ends.to_series(), strict=True)
        if (rule.enforce, row.severity) in ACTIONS and (resets_at is None or resets_at > now)
    ]
    return tuple(sorted(holds, key=lambda hold: (json.dumps(hold.group), hold.severity)))


def _hold(rule: Rule, row: IncidentRow, resets_at: datetime | None, action: str) -> Hold:
    return Hold(
        incident_id=row.id,
        group=json.loads(row.group_key),
        severity=row.severity,
        action=action,
        value=row.value,
        comparison=next(limit.comparison for limit in rule.when if limit.severity == row.severity),
        limit=row.limit,
        fired_at=row.fired_at,
        resets_at=resets_at,
    )


def _as_answer(hold: Hold) -> dict[str, Any]:
    times = {"fired_at": hold.fired_at, "resets_at": hold.resets_at}
    return {**vars(hold), **{name: at.isoformat() if at else None for name, at in times.items()}}
