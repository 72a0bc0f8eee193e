"""Backtests: when a rule would have fired, by the very evaluator that judges new events.

Reads the published marts only. What belongs here: which stored events a rule is judged on, and how its limit compares
with others. What does not: when a rule fires (`evaluate.py`), and tables for people (`cli/`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import polars as pl

from meterhouse.alerts.controls import ACTIONS
from meterhouse.alerts.evaluate import BEFORE_SCHEMA, evaluate, values
from meterhouse.alerts.metrics import EVENT_COLUMNS, WAS_MADE
from meterhouse.alerts.rule_parts import Limit
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import group_key, matches
from meterhouse.errors import UsageError
from meterhouse.events.published import started_between, stored_events
from meterhouse.settings import Settings

CANDIDATE_LIMITS = 24
"""How many limits, spread over the values that occurred, are tried to find one that fires so often."""


@dataclass(frozen=True)
class Backtest:
    """What a rule would have done from one midnight (UTC) to another."""

    rule: Rule
    start: datetime
    end: datetime
    event_count: int
    """Events that the rule looked at, those before `start` that its first windows reach back to included."""
    intervals: pl.DataFrame
    """`evaluate.INTERVAL_SCHEMA`; one that was already firing at `start` fires at the first change after it."""
    values: pl.DataFrame
    """`evaluate.values` from `start` on."""
    held: pl.DataFrame
    """Columns `event_id` and `cost_usd`: the calls made while the group was beyond a critical limit, where the rule has
    `enforce: block` or `shadow`. Had they been blocked, the value might have been back sooner, so they are the most."""


def backtest(settings: Settings, rule: Rule, first_day: date, last_day: date) -> Backtest:
    """Judge the stored events of some UTC days by a rule; nothing is recorded and nobody is told.

    Args:
        settings: Where the installation lives.
        rule: The rule, whatever its mode.
        first_day: First day.
        last_day: Last day, inclusive.

    Raises:
        UsageError: There are no published marts, or the days are in the wrong order.
    """
    if last_day < first_day:
        raise UsageError(f"{first_day} is after {last_day}.", "Give --from a day no later than --to.")
    start = datetime.combine(first_day, time(), UTC)
    end = min(datetime.combine(last_day + timedelta(days=1), time(), UTC), datetime.now(UTC))
    events = _stored(settings, start - rule.reach, end)
    seen = events.filter(matches(rule))
    groups = seen.select(group_key(rule).alias("group")).unique()
    before = pl.concat(
        [
            groups.select(
                "group",
                pl.lit(limit.severity).alias("severity"),
                pl.lit(start).alias("since"),
                pl.lit(False).alias("was_firing"),
            )
            for limit in rule.when
        ]
    ).cast(BEFORE_SCHEMA)
    found = values(rule, events, end).filter(pl.col("at") >= start)
    intervals = evaluate(rule, events, end, before)
    return Backtest(rule, start, end, len(seen), intervals, found, _held(rule, seen, intervals))


def _held(rule: Rule, seen: pl.DataFrame, intervals: pl.DataFrame) -> pl.DataFrame:
    """The calls that began while a critical interval of their group lasted; the one that crossed the limit was made."""
    is_enforced = ACTIONS.get((str(rule.enforce), "critical")) in ("block", "would_block")
    critical = intervals.filter(pl.col("severity") == "critical", pl.lit(is_enforced))
    calls = seen.filter(WAS_MADE).select("event_id", "cost_usd", "started_at", group_key(rule).alias("group"))
    is_after = pl.col("started_at") > pl.col("fired_at")
    is_before = pl.col("resolved_at").is_null() | (pl.col("started_at") < pl.col("resolved_at"))
    return (
        calls.join(critical, on="group").filter(is_after, is_before).select("event_id", "cost_usd").unique()
    )


def limit_that_fires(
    settings: Settings, rule: Rule, first_day: date, last_day: date, times: int
) -> Decimal | None:
    """The tightest tried limit of the rule's first comparison that fires at most so many times; None if none does."""
    run = backtest(settings, rule, first_day, last_day)
    occurred = run.values["value"].drop_nulls().unique().sort()
    if occurred.is_empty():
        return None
    places = {
        round(place * (len(occurred) - 1) / (CANDIDATE_LIMITS - 1)) for place in range(CANDIDATE_LIMITS)
    }
    limit = rule.when[-1]
    is_upper = limit.comparison in (">", ">=")
    candidates = [occurred[place] for place in sorted(places, reverse=not is_upper)]
    fires: Callable[[Decimal], int] = lambda value: len(  # noqa: E731
        backtest(settings, with_limit(rule, limit, value), first_day, last_day).intervals
    )
    return next((value for value in candidates if fires(value) <= times), None)


def with_limit(rule: Rule, limit: Limit, value: Decimal) -> Rule:
    """The rule with this one limit, at another value."""
    return rule.model_copy(update={"when": (Limit(limit.severity, limit.comparison, value),)})


def _stored(settings: Settings, start: datetime, end: datetime) -> pl.DataFrame:
    """The deduplicated events that started in a span, `EVENT_COLUMNS`."""
    return stored_events(settings, EVENT_COLUMNS, *started_between(start, end))
