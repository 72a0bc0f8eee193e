"""The incidents on record, as the evaluator and the comparison with new intervals read them.

What belongs here: which incidents reach to a time, and which of them last. What does not: what a judgement writes
(`incidents.py`), and lists for people (`overview.py`).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from meterhouse.alerts.rules import Rule
from meterhouse.alerts.running import with_period_ends
from meterhouse.alerts.samples import TIME
from meterhouse.alerts.windows import SERIES
from meterhouse.control.tables import IncidentRow

Key = tuple[int, str, str]
"""Place of the rule, group and severity."""
Record = dict[Key, list[IncidentRow]]

_STANDING_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "severity": pl.String(),
        "was_firing": pl.Boolean(),
        "since": TIME,
    }
)
_QUERY_SIZE = 500


def on_record(session: Session, rules: Sequence[Rule], since: pl.DataFrame) -> Record:
    """The incidents of some groups that reach to `since` or beyond, oldest first.

    Args:
        session: Control database.
        rules: The rules that `rule` is a place in.
        since: Columns `rule`, `group` and `since`, at least one row.
    """
    numbers = {(rule.name, rule.version): number for number, rule in enumerate(rules)}
    starts = {(rule, group): start for rule, group, start in since.select(*SERIES, "since").iter_rows()}
    groups = since["group"].unique().to_list()
    found: Record = defaultdict(list)
    for start in range(0, len(groups), _QUERY_SIZE):
        query = (
            select(IncidentRow)
            .where(
                IncidentRow.group_key.in_(groups[start : start + _QUERY_SIZE]),
                or_(IncidentRow.resolved_at.is_(None), IncidentRow.resolved_at >= since["since"].min()),
            )
            .order_by(IncidentRow.fired_at, IncidentRow.id)
        )
        for row in session.scalars(query):
            number = numbers.get((row.rule, row.rule_version), -1)
            first = starts.get((number, row.group_key))
            if first is not None and (row.resolved_at is None or row.resolved_at >= first):
                found[number, row.group_key, row.severity].append(row)
    return found


def standing(rules: Sequence[Rule], record: Record, since: pl.DataFrame) -> pl.DataFrame:
    """Which limits were crossed just before `since`: `rule`, `group`, `severity`, `was_firing`, `period_end`."""
    starts = {(rule, group): start for rule, group, start in since.select(*SERIES, "since").iter_rows()}
    firing = [
        (number, group, severity, True, row.fired_at)
        for (number, group, severity), rows in record.items()
        if any(limit.severity == severity for limit in rules[number].when)
        for row in [row for row in rows if covers(rules[number], row, starts[number, group])][:1]
    ]
    found = pl.DataFrame(firing, schema=_STANDING_SCHEMA, orient="row")
    return with_period_ends(rules, found).drop("since")


def open_groups(session: Session, rules: Sequence[Rule]) -> pl.DataFrame:
    """`rule` and `group` of the open incidents."""
    numbers = {(rule.name, rule.version): number for number, rule in enumerate(rules)}
    query = select(IncidentRow.rule, IncidentRow.rule_version, IncidentRow.group_key).where(
        IncidentRow.status == "firing"
    )
    rows = [
        (numbers[name, version], group)
        for name, version, group in session.execute(query)
        if (name, version) in numbers
    ]
    return pl.DataFrame(rows, schema={"rule": pl.UInt32, "group": pl.String}, orient="row")


def covers(rule: Rule, row: IncidentRow, at: datetime) -> bool:
    """Whether the limit was crossed just before `at` in the crossing that became this incident."""
    crossed_at = row.fired_at - rule.persistence
    return (
        row.status != "retracted" and crossed_at < at and (row.resolved_at is None or row.resolved_at >= at)
    )
