"""Rules that are judged from the published marts, after each build: billed budgets, and how metered meets billed.

Incidents and messages commit together, and the outbox delivers them, as for all rules. What belongs here: those looks
at the marts, and what they do to the incidents. What does not: health that every tick can see (`health.py`), metered
events (`judgement.py`).
"""

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
from sqlalchemy import select
from sqlalchemy.orm import Session

from meterhouse.alerts.budgets import BILLED_PREFIX, TICK, BudgetRule, BudgetStep, projection
from meterhouse.alerts.health import Ailment, Ailments, compare, group_of
from meterhouse.alerts.incidents import Change
from meterhouse.alerts.outbox import queue, queue_follow_up
from meterhouse.alerts.rules import HealthRule
from meterhouse.alerts.rules_file import RulesError, load_all_rules
from meterhouse.alerts.verdicts import PACE_FROM
from meterhouse.alerts.wording import facts, facts_of_rule, plain_number
from meterhouse.control.database import session, take_turns
from meterhouse.control.tables import IncidentRow
from meterhouse.published import published_marts
from meterhouse.settings import Settings

BILLS_COME_WITHIN = timedelta(days=7)
"""A billed step that is reached with a bill that comes this long after its period is told of all the same."""
COMPARED_DAYS = 7
"""The newest billed days of a connection that are looked at."""
DAYS_BEFORE = 28
"""The billed days before those that coverage is compared with."""
COVERAGE_DROP = Decimal("0.1")
"""By how much of the bill coverage must fall."""
LEAST_USD = Decimal(1)
"""Less than this much in those days is no reason to tell anybody."""
AHEAD_SHARE = Decimal("0.05")
"""How much may be metered beyond what is billed, as a share of it."""

_NAMESPACE = uuid.UUID("b2a9a1f3-9b0e-5f2c-8f41-0b8a55c1d3e7")
_BUDGETS = """
    select budget_name, group_key, period_started_at, period_ends_at, known_until, used_usd, projected_seasonal_usd
    from marts.fct_budgets
    where source = 'billed' and period_ends_at > $since
    order by all
"""
_COVERAGE = """
    with days as (
        select
            connection_id,
            provider,
            abs(attributed_cost_usd) as attributed,
            abs(attributed_cost_usd) + abs(unattributed_cost_usd) as billed,
            row_number() over (partition by connection_id order by trust_date desc) as number
        from marts.fct_data_trust
        where coverage_share is not null
    )
    select
        days.provider,
        coalesce(any_value(dim_connection.connection_name), days.connection_id) as connection,
        sum(attributed) filter (number <= $newest) as attributed,
        sum(billed) filter (number <= $newest) as billed,
        sum(attributed) filter (number > $newest) as attributed_before,
        sum(billed) filter (number > $newest) as billed_before
    from days left join marts.dim_connection using (connection_id)
    where number <= $newest + $before
    group by days.provider, days.connection_id
"""
_CELLS = """
    with days as (
        select connection_id, cost_day, row_number() over (partition by connection_id order by cost_day desc) as number
        from (
            select distinct connection_id, reconciliation_date as cost_day
            from marts.fct_reconciliation where not is_provisional and billed_cost_usd <> 0
        )
    )
    select
        cells.provider,
        coalesce(any_value(dim_connection.connection_name), cells.connection_id) as connection,
        {model} as model,
        sum(cells.billed_cost_usd) as billed,
        sum(cells.metered_quantity) as metered_quantity,
        -sum(least(cells.quantity_usd, 0)) as ahead
    from marts.fct_reconciliation as cells
    inner join days on days.connection_id = cells.connection_id and days.cost_day = cells.reconciliation_date
    left join marts.dim_connection on dim_connection.connection_id = cells.connection_id
    where days.number <= $newest and not cells.is_provisional
    group by cells.provider, cells.connection_id, {model}
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Period:
    """A row of `fct_budgets`."""

    name: str
    group: str
    start: datetime
    end: datetime
    known_until: datetime
    used: Decimal
    projected_seasonal: Decimal | None


def judge_published(settings: Settings, now: datetime) -> list[Change]:
    """Judge the rules on bills, in one transaction; a rules file with a fault changes nothing.

    Raises:
        NothingPublishedError: Nothing was published yet.
        ControlDatabaseError: The control database cannot be used.
    """
    try:
        rules = load_all_rules(settings.rules_file) if settings.rules_file.exists() else []
    except RulesError as error:
        logger.warning("Rules on bills are not judged: %s", error.faults[0])
        return []
    budgets = [rule for rule in rules if isinstance(rule, BudgetRule) and rule.source == "billed"]
    health = [rule for rule in rules if isinstance(rule, HealthRule) and rule.health in _CHECKS]
    with published_marts(settings) as marts:
        ailments = {check: _CHECKS[check](marts) for check in {rule.health for rule in health}}
        periods = _periods(marts, now) if budgets else []
    with session(settings) as transaction:
        take_turns(transaction, "alerts")
        changes = [
            change for rule in health for change in compare(transaction, rule, ailments[rule.health], now)
        ]
        steps = [step for budget in budgets for step in budget.judged()]
        changes += _end_steps(transaction, steps, now)
        changes += [
            change
            for step in steps
            for period in periods
            if period.name == step.name and (change := _reach(transaction, step, period, now))
        ]
    return changes


def _periods(marts: duckdb.DuckDBPyConnection, now: datetime) -> list[_Period]:
    rows = marts.execute(_BUDGETS, {"since": now - BILLS_COME_WITHIN}).fetchall()
    return [_Period(*row) for row in rows]


def _reach(transaction: Session, step: BudgetStep, period: _Period, now: datetime) -> Change | None:
    """Open the incident of a step that the bills of a period have reached, once whatever they become later."""
    at = min(period.known_until, period.end - TICK)
    gone, whole = (at - period.start) // TICK, (period.end - period.start) // TICK
    [limit] = step.when
    value = period.used
    if step.is_paced:
        if gone * PACE_FROM < whole or period.known_until >= period.end:
            return None
        value = projection(period.used, gone, whole)
    if value < limit.value or (step.is_paced and value == limit.value):
        return None
    identity = [step.name, step.version, period.group, period.start.isoformat()]
    incident_id = str(uuid.uuid5(_NAMESPACE, json.dumps(identity)))
    if transaction.get(IncidentRow, incident_id) is not None:
        return None
    row = IncidentRow(
        id=incident_id,
        rule=step.name,
        rule_version=step.version,
        group_key=period.group,
        severity=limit.severity,
        status="firing" if now < period.end else "resolved",
        fired_at=at,
        resolved_at=None if now < period.end else period.end,
        opened_at=now,
        value=plain_number(value),
        limit=str(limit.value),
        is_shadow=step.mode == "shadow",
    )
    transaction.add(row)
    transaction.flush()
    about = facts_of_rule(step, row, {}, period.projected_seasonal) | facts(row)
    for channel in step.notify if step.mode == "live" else ():
        queue(transaction, row.id, "fired", channel, about, now)
    return Change("fired", row.rule, row.group_key, row.id)


def _end_steps(transaction: Session, steps: Sequence[BudgetStep], now: datetime) -> list[Change]:
    """End the incidents of billed steps whose period is over, or whose budget was changed or removed."""
    current = {(step.name, step.version): step for step in steps}
    query = select(IncidentRow).where(
        IncidentRow.status == "firing", IncidentRow.rule_version.startswith(BILLED_PREFIX)
    )
    changes = []
    for row in transaction.scalars(query).all():
        step = current.get((row.rule, row.rule_version))
        end = now if step is None else step.period_around(row.fired_at)[1]
        if end <= now:
            note = "The budget was changed or removed." if step is None else None
            row.status, row.resolved_at = "resolved", end
            queue_follow_up(transaction, row.id, "resolved", facts(row, note=note), now)
            changes.append(Change("resolved", row.rule, row.group_key, row.id))
    return changes


def _coverage_drops(marts: duckdb.DuckDBPyConnection) -> Ailments:
    found = {}
    for row in _rows(marts, _COVERAGE, before=DAYS_BEFORE):
        if not row["billed"] or not row["billed_before"] or row["billed"] < LEAST_USD:
            continue
        share, before = row["attributed"] / row["billed"], row["attributed_before"] / row["billed_before"]
        if before - share >= COVERAGE_DROP:
            reason = (
                f"metered calls explain {_percent(share)} of the newest {COMPARED_DAYS} billed days, "
                f"and {_percent(before)} of the days before"
            )
            next_step = "`meterhouse report` says what is unattributed: see which program stopped metering."
            found[_connection(row)] = Ailment(_percent(share), reason, next_step)
    return found


def _billed_without_metered(marts: duckdb.DuckDBPyConnection) -> Ailments:
    return {
        group_of(connection=row["connection"], model=row["model"], provider=row["provider"]): Ailment(
            f"{row['billed']:.2f} USD",
            f"{row['billed']:.2f} USD are billed in the newest {COMPARED_DAYS} billed days, and no call is metered",
            "Find the program that uses this key or model, and meter it (sdk/README.md, docs/gateway.md).",
        )
        for row in _rows(marts, _CELLS.format(model="cells.model"))
        if row["model"] is not None and not row["metered_quantity"] and row["billed"] >= LEAST_USD
    }


def _metered_ahead(marts: duckdb.DuckDBPyConnection) -> Ailments:
    return {
        _connection(row): Ailment(
            f"{row['ahead']:.2f} USD",
            f"in the newest {COMPARED_DAYS} billed days calls worth {row['ahead']:.2f} USD are metered beyond what "
            f"is billed ({row['billed']:.2f} USD)",
            "Look for calls metered twice, or mapped to the wrong connection, in fct_reconciliation.",
        )
        for row in _rows(marts, _CELLS.format(model="null"))
        if row["ahead"] >= LEAST_USD and row["ahead"] > row["billed"] * AHEAD_SHARE
    }


def _rows(marts: duckdb.DuckDBPyConnection, query: str, **parameters: int) -> list[dict[str, Any]]:
    found = marts.execute(query, {"newest": COMPARED_DAYS, **parameters})
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _connection(row: dict[str, Any]) -> str:
    return group_of(connection=row["connection"], provider=row["provider"])


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"


_CHECKS: dict[str, Callable[[duckdb.DuckDBPyConnection], Ailments]] = {
    "coverage_drop": _coverage_drops,
    "billed_without_metered": _billed_without_metered,
    "metered_ahead": _metered_ahead,
}
