"""The evaluator: when a rule fires, as a pure function of the set of events.

Neither the order in which events arrive, nor repeats, nor how they are split over files changes its answer. Each event
adds its amount when it starts and takes it away one window later, so the running sum is the value of the window
(t - window, t] at every instant at which it can change. What belongs here: vectorised, exact arithmetic. What does not:
where events come from and what is remembered (`judgement.py`), or who is told (`outbox.py`).
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from meterhouse.alerts.metrics import DECIMAL_PLACES, EVENT_COLUMNS, METRICS, scaled
from meterhouse.alerts.rules import Condition, Limit, Rule

TIME = pl.Datetime("us", "UTC")
VALUE = pl.Decimal(38, DECIMAL_PLACES)

INTERVAL_SCHEMA = pl.Schema(
    {
        "group": pl.String(),
        "severity": pl.String(),
        "limit": pl.String(),
        "fired_at": TIME,
        "resolved_at": TIME,
        "value": VALUE,
        "resolved_value": VALUE,
        "first_event_id": pl.String(),
        "trace_id": pl.String(),
        "sample_count": pl.Int64(),
    }
)

BEFORE_SCHEMA = pl.Schema(
    {"group": pl.String(), "severity": pl.String(), "since": TIME, "was_firing": pl.Boolean()}
)


def evaluate(
    rule: Rule, events: pl.DataFrame, until: datetime, before: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The intervals in which a rule fires.

    Args:
        rule: The rule.
        events: Priced events, with at least `EVENT_COLUMNS`.
        until: Nothing after this time is judged: later events and expiries have not happened yet.
        before: Where to begin, per group and severity (`BEFORE_SCHEMA`): only steps from `since` on are judged,
            starting from the state `was_firing`, and other groups are left out. Exact when `events` holds every
            event of the group from `since - window` on. None judges everything from the first event.

    Returns:
        `INTERVAL_SCHEMA`, one row per group, severity and interval. `fired_at` is null when the interval goes on from
        before `since`; `resolved_at` is null while it lasts. `value` (USD, or a count, or a share) is the value that
        crossed the limit, rounded down to 1e-12; `resolved_value` the one that came back, null when too few samples
        are left. `first_event_id` is the event that crossed, or the newest in the window when an expiry crossed.
    """
    steps = _steps(rule, events, until, None if before is None else before["group"].unique())
    intervals = [_intervals(rule, limit, steps, before) for limit in rule.when]
    return pl.concat(intervals).sort("fired_at", "group", "severity")


def values(rule: Rule, events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The value of each group's window at each instant at which it changes: `group`, `at`, `value` (null: too few)."""
    return _steps(rule, events, until, None).select("group", "at", _value(rule).alias("value"))


def matches(rule: Rule) -> pl.Expr:
    """Whether an event meets the rule's `where`."""
    return pl.all_horizontal(
        pl.lit(True), *(_meets(field, condition) for field, condition in rule.where.items())
    )


def group_key(rule: Rule) -> pl.Expr:
    """The event's group as canonical JSON: the rule's dimensions by name, null where the event has none."""
    if not rule.group_by:
        return pl.lit("{}")
    return pl.struct(sorted(set(rule.group_by))).struct.json_encode()


def deduplicate(events: pl.DataFrame) -> pl.DataFrame:
    """One row per `event_id`, the one received first; of copies received at once, always the same one."""
    events = events.select(EVENT_COLUMNS)
    is_repeated = events["event_id"].is_duplicated()
    if not is_repeated.any():
        return events
    ranking = [
        "event_id",
        "received_at",
        *(name for name in EVENT_COLUMNS if name not in ("event_id", "received_at")),
    ]
    first = events.filter(is_repeated).sort(ranking, nulls_last=True).unique("event_id", keep="first")
    return pl.concat([events.filter(~is_repeated), first])


def _meets(field: str, condition: Condition) -> pl.Expr:
    column = pl.col(field)
    tests: dict[str, Callable[[Any], pl.Expr]] = {
        "is_": column.eq_missing,
        "is_not": column.ne_missing,
        "in_": lambda values: column.is_in(list(values)),
        "contains": lambda text: column.str.contains(text, literal=True),
        "starts_with": column.str.starts_with,
        "ends_with": column.str.ends_with,
    }
    given = condition.model_dump(exclude_none=True)
    return pl.all_horizontal(tests[operator](operand) for operator, operand in given.items()).fill_null(False)


def _steps(rule: Rule, events: pl.DataFrame, until: datetime, groups: pl.Series | None) -> pl.DataFrame:
    """Sum and sample count of each group's window at each instant at which an event enters or leaves it."""
    metric = METRICS[rule.metric]
    samples = (
        deduplicate(events)
        .lazy()
        .filter(matches(rule), metric.is_sample, pl.col("started_at") <= until)
        .select(
            group_key(rule).alias("group"),
            pl.col("started_at").alias("at"),
            metric.amount.alias("amount"),
            pl.lit(1, dtype=pl.Int64).alias("samples"),
            "event_id",
            "trace_id",
        )
    )
    if groups is not None:
        samples = samples.filter(pl.col("group").is_in(groups.implode()))
    expiries = samples.select(
        "group",
        pl.col("at") + rule.window,
        (0 - pl.col("amount")).alias("amount"),
        pl.lit(-1, dtype=pl.Int64).alias("samples"),
        pl.lit(None, dtype=pl.String).alias("event_id"),
        pl.lit(None, dtype=pl.String).alias("trace_id"),
    ).filter(pl.col("at") <= until)
    return (
        pl.concat([samples, expiries])
        .sort("group", "at", "event_id", nulls_last=True)
        .with_columns(pl.col("amount", "samples").cum_sum().over("group"))
        .group_by("group", "at", maintain_order=True)
        .agg(pl.col("amount", "samples").last(), pl.struct("event_id", "trace_id").first().alias("entered"))
        .with_columns(
            pl.when(pl.col("entered").struct.field("event_id").is_not_null())
            .then("entered")
            .forward_fill()
            .over("group")
        )
        .unnest("entered")
        .collect()
    )


def _is_firing(rule: Rule, limit: Limit) -> pl.Expr:
    """Compares sums, never quotients: is the dividend beyond limit times divisor?"""
    dividend, divisor = _quotient(rule)
    bound = pl.lit(scaled(limit.value), dtype=pl.Int128) * divisor
    beyond = {">": dividend > bound, ">=": dividend >= bound, "<": dividend < bound, "<=": dividend <= bound}
    return beyond[limit.comparison] & (pl.col("samples") >= rule.min_samples)


def _value(rule: Rule) -> pl.Expr:
    dividend, divisor = _quotient(rule)
    unit = pl.lit(Decimal(1).scaleb(-DECIMAL_PLACES), dtype=VALUE)
    return (
        pl.when(pl.col("samples") >= rule.min_samples)
        .then((dividend // divisor).cast(pl.Decimal(38, 0)) * unit)
        .cast(VALUE)
    )


def _quotient(rule: Rule) -> tuple[pl.Expr, pl.Expr]:
    """Dividend and divisor of the metric's value: the sum of the window, by its samples, its minutes, or one."""
    metric, amount = METRICS[rule.metric], pl.col("amount")
    if metric.is_average:
        return amount, pl.col("samples").cast(pl.Int128)
    if metric.is_per_minute:
        return amount * 60, pl.lit(int(rule.window.total_seconds()), dtype=pl.Int128)
    return amount, pl.lit(1, dtype=pl.Int128)


def _intervals(rule: Rule, limit: Limit, steps: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """Runs of firing steps of each group, for one limit of the rule."""
    judged = steps.with_columns(_is_firing(rule, limit).alias("is_firing"), _value(rule).alias("value"))
    if before is not None:
        starts = before.filter(severity=limit.severity)
        judged = judged.join(starts.select("group", "since"), on="group").filter(
            pl.col("at") >= pl.col("since")
        )
        held = starts.filter("was_firing").select("group", pl.lit(True).alias("is_firing"))
        judged = pl.concat([held, judged.drop("since")], how="diagonal").sort("group", "at", nulls_last=False)
    changed = pl.col("is_firing") != pl.col("is_firing").shift(1).over("group").fill_null(False)
    return (
        judged.filter(changed)
        .with_columns(
            pl.col("at").shift(-1).over("group").alias("resolved_at"),
            pl.col("value").shift(-1).over("group").alias("resolved_value"),
        )
        .filter("is_firing")
        .select(
            "group",
            pl.lit(limit.severity).alias("severity"),
            pl.lit(str(limit.value)).alias("limit"),
            pl.col("at").alias("fired_at"),
            "resolved_at",
            "value",
            "resolved_value",
            pl.col("event_id").alias("first_event_id"),
            "trace_id",
            pl.col("samples").alias("sample_count"),
        )
        .cast(INTERVAL_SCHEMA)
    )
