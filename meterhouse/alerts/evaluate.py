"""The evaluator: when rules fire, as a pure function of the set of events, for all rules and groups at once.

Neither the order in which events arrive, nor repeats, nor how they are split over files changes its answer. Each event
adds its amount when it starts and takes it away one window later (in a calendar period: all are taken away at its end),
so the running sum is the value of the window (t - window, t] at every instant at which it can change. What belongs
here: vectorised, exact arithmetic. What does not: what an event is to a rule (`samples.py`), where events come from
and what is remembered (`running.py`, `judgement.py`), or who is told (`outbox.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from meterhouse.alerts.metrics import DECIMAL_PLACES, METRICS, scaled
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import TIME, deduplicate, period_start, samples

VALUE = pl.Decimal(38, DECIMAL_PLACES)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Before all events."""

INTERVAL_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
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

PACE_FROM = 10
"""A pace is judged when a tenth of its period has gone, with the next event that counts."""

BEFORE_SCHEMA = pl.Schema(
    {"group": pl.String(), "severity": pl.String(), "since": TIME, "was_firing": pl.Boolean()}
)

OPENING_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "period_end": TIME,
        "since": TIME,
        "amount": pl.Int128(),
        "samples": pl.Int64(),
    }
)
"""The window of one rule and group just before `since`: its sum and its count."""

MOVE_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "period_end": TIME,
        "at": TIME,
        "amount": pl.Int128(),
        "samples": pl.Int64(),
        "event_id": pl.String(),
        "trace_id": pl.String(),
    }
)
"""What one instant adds to a window, or takes away; `event_id` is of the event that enters, null when one leaves."""

_LIMIT_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "severity": pl.String(),
        "comparison": pl.String(),
        "limit": pl.String(),
        "bound": pl.Int128(),
    }
)
_SERIES = ["rule", "group"]
_ORDER = [*_SERIES, "at", "event_id"]
_ORDER_NULLS_LAST = [False, False, False, True]


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
            event of the group that the window just before `since` holds. None judges everything from the first event.

    Returns:
        `INTERVAL_SCHEMA` without `rule`, one row per group, severity and interval. `fired_at` is null when the interval
        goes on from before `since`; `resolved_at` is null while it lasts. `value` (USD, or a count, or a share) is the
        value that crossed the limit, rounded down to 1e-12; `resolved_value` the one that came back, null when too few
        samples are left. `first_event_id` is the event that crossed, or the newest when an expiry crossed.
    """
    stepped = _all_steps(rule, events, until)
    if before is not None:
        before = before.with_columns(pl.lit(0, dtype=pl.UInt32).alias("rule"))
        starts = before.select("group", "since").unique()
        stepped = stepped.join(starts, on="group").filter(pl.col("at") >= pl.col("since")).drop("since")
    return fired([rule], stepped, before, until).drop("rule")


def values(rule: Rule, events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The value of each group's window at each instant at which it changes: `group`, `at`, `value` (null: too few)."""
    return _quotients([rule], _all_steps(rule, events, until)).select("group", "at", _value().alias("value"))


def moves(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """What samples (`SAMPLE_SCHEMA`) do to their windows, `MOVE_SCHEMA`: enter, and leave where the window rolls on."""
    windows = pl.DataFrame(
        {"rule": range(len(rules)), "window": [rule.window for rule in rules]},
        schema={"rule": pl.UInt32, "window": pl.Duration("us")},
    )
    entries = found.with_columns(pl.lit(1, dtype=pl.Int64).alias("samples")).select(MOVE_SCHEMA.names())
    expiries = (
        found.filter(pl.col("period_end").is_null())
        .join(windows, on="rule")
        .select(
            *_SERIES,
            "period_end",
            pl.col("at") + pl.col("window"),
            (0 - pl.col("amount")).alias("amount"),
            pl.lit(-1, dtype=pl.Int64).alias("samples"),
            pl.lit(None, dtype=pl.String).alias("event_id"),
            pl.lit(None, dtype=pl.String).alias("trace_id"),
        )
    )
    return pl.concat([entries, expiries.select(MOVE_SCHEMA.names())])


def steps(moved: pl.DataFrame, openings: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Sum and sample count of each window at each instant at which it changes.

    Args:
        moved: `MOVE_SCHEMA`, of rules and groups in `openings` only.
        openings: `OPENING_SCHEMA`, one row per rule and group; moves before its `since` are in it.
        until: Nothing after this time is judged.

    Returns:
        `MOVE_SCHEMA` with one row per rule, group and instant; `event_id` is the first that entered then, or else the
        newest that entered since `since`, if any did.
    """
    later = (
        moved.join(openings.select(*_SERIES, "since"), on=_SERIES)
        .filter(pl.col("at") >= pl.col("since"), pl.col("at") <= until)
        .drop("since")
    )
    return (
        pl.concat([_opened(openings), _ended(later, openings, until), later])
        .sort(_ORDER, nulls_last=_ORDER_NULLS_LAST)
        .with_columns(pl.col("amount", "samples").cum_sum().over(*_SERIES, "period_end"))
        .group_by(*_SERIES, "at", maintain_order=True)
        .agg(
            pl.col("period_end", "amount", "samples").last(),
            pl.struct("event_id", "trace_id").first().alias("entered"),
        )
        .with_columns(
            pl.when(pl.col("entered").struct.field("event_id").is_not_null())
            .then("entered")
            .forward_fill()
            .over(_SERIES)
        )
        .unnest("entered")
        .filter(pl.col("at").is_not_null())
        .select(MOVE_SCHEMA.names())
    )


def fired(
    rules: Sequence[Rule], stepped: pl.DataFrame, before: pl.DataFrame | None, until: datetime
) -> pl.DataFrame:
    """The intervals in which rules fire.

    Args:
        rules: The rules that `rule` is a place in.
        stepped: What `steps` found.
        before: Whether each limit was crossed just before: `rule`, `group`, `severity`, `was_firing`, and the
            `period_end` of the calendar period it was crossed in. None: none was.
        until: Nothing after this time is judged.

    Returns:
        `INTERVAL_SCHEMA`, as `evaluate` explains.
    """
    return persisting(rules, _crossed(rules, stepped, before), until)


def persisting(rules: Sequence[Rule], crossed: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Those crossings that lasted as long as their rule asks; each fires when it has lasted that long."""
    return (
        crossed.join(persistence(rules), on="rule")
        .with_columns(pl.col("fired_at") + pl.col("persistence"))
        .filter(
            pl.col("fired_at").is_null()
            | ((pl.col("fired_at") < pl.col("resolved_at")).fill_null(True) & (pl.col("fired_at") <= until))
        )
        .drop("persistence")
    )


def persistence(rules: Sequence[Rule]) -> pl.DataFrame:
    """`rule` and `persistence`: how long a limit must stay crossed before it fires."""
    return pl.DataFrame(
        {"rule": range(len(rules)), "persistence": [rule.persistence for rule in rules]},
        schema={"rule": pl.UInt32, "persistence": pl.Duration("us")},
    )


def _crossed(rules: Sequence[Rule], stepped: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The intervals in which a limit is crossed, however short."""
    judged = (
        _quotients(rules, stepped)
        .join(_limits(rules), on="rule")
        .with_columns(_is_firing().alias("is_firing"), _value().alias("value"))
    )
    series = [*_SERIES, "severity"]
    if before is not None:
        held = before.filter("was_firing").drop("since", strict=False).rename({"was_firing": "is_firing"})
        judged = pl.concat([held, judged], how="diagonal")
    judged = _latched(rules, judged.sort(*series, "at", nulls_last=False), series)
    changed = pl.col("is_firing") != pl.col("is_firing").shift(1).over(series).fill_null(False)
    return (
        judged.filter(changed)
        .with_columns(
            pl.col("at").shift(-1).over(series).alias("resolved_at"),
            pl.col("value").shift(-1).over(series).alias("resolved_value"),
        )
        .filter("is_firing")
        .select(
            *_SERIES,
            "severity",
            "limit",
            pl.col("at").alias("fired_at"),
            "resolved_at",
            "value",
            "resolved_value",
            pl.col("event_id").alias("first_event_id"),
            "trace_id",
            pl.col("samples").alias("sample_count"),
        )
        .cast(INTERVAL_SCHEMA)
        .sort("fired_at", *series)
    )


def _all_steps(rule: Rule, events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The steps of every group from its first event on."""
    found = samples([rule], deduplicate(events))
    openings = (
        found.select(_SERIES)
        .unique()
        .with_columns(
            pl.lit(None, dtype=TIME).alias("period_end"),
            pl.lit(BEGINNING, dtype=TIME).alias("since"),
            pl.lit(0, dtype=pl.Int128).alias("amount"),
            pl.lit(0, dtype=pl.Int64).alias("samples"),
        )
    )
    return steps(moves([rule], found), openings, until)


def _opened(openings: pl.DataFrame) -> pl.DataFrame:
    """Openings as moves before all others."""
    return openings.select(
        *_SERIES,
        "period_end",
        pl.lit(None, dtype=TIME).alias("at"),
        "amount",
        "samples",
        pl.lit(None, dtype=pl.String).alias("event_id"),
        pl.lit(None, dtype=pl.String).alias("trace_id"),
    )


def _ended(moved: pl.DataFrame, openings: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """A move of nothing at the end of each calendar period in which nothing else moves: the next one begins empty."""
    return (
        pl.concat([moved.select(*_SERIES, "period_end"), openings.select(*_SERIES, "period_end")])
        .filter(pl.col("period_end") <= until)
        .unique()
        .select(
            *_SERIES,
            pl.lit(None, dtype=TIME).alias("period_end"),
            pl.col("period_end").alias("at"),
            pl.lit(0, dtype=pl.Int128).alias("amount"),
            pl.lit(0, dtype=pl.Int64).alias("samples"),
            pl.lit(None, dtype=pl.String).alias("event_id"),
            pl.lit(None, dtype=pl.String).alias("trace_id"),
        )
        .join(moved, on=[*_SERIES, "at"], how="anti")
    )


def _latched(rules: Sequence[Rule], judged: pl.DataFrame, series: list[str]) -> pl.DataFrame:
    """What fired once in a period fires until its end, for the rules that want it so."""
    numbers = [number for number, rule in enumerate(rules) if rule.is_latched]
    if not numbers:
        return judged
    has_fired = pl.col("is_firing").cast(pl.UInt8).cum_max().over(*series, "period_end").cast(pl.Boolean)
    is_latched = pl.col("rule").is_in(numbers)
    return judged.with_columns(pl.when(is_latched).then(has_fired).otherwise("is_firing").alias("is_firing"))


def _quotients(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
    """Steps with what their values are quotients of; a pace is the sum by the share of the period that has gone."""
    found = stepped.join(_table(rules), on="rule").with_columns(is_too_early=pl.lit(False))
    for number, rule in enumerate(rules):
        if rule.is_paced:
            start = period_start(rule, pl.col("at"))
            gone, whole = _microseconds(pl.col("at") - start), _microseconds(pl.col("period_end") - start)
            is_one = (pl.col("rule") == number) & pl.col("period_end").is_not_null()
            found = found.with_columns(
                pl.when(is_one).then(whole).otherwise("factor").alias("factor"),
                pl.when(is_one).then(gone).otherwise("divisor").alias("divisor"),
                pl.when(is_one)
                .then(gone * PACE_FROM < whole)
                .otherwise("is_too_early")
                .alias("is_too_early"),
            )
    return found


def _microseconds(duration: pl.Expr) -> pl.Expr:
    return duration.dt.total_microseconds().cast(pl.Int128)


def _table(rules: Sequence[Rule]) -> pl.DataFrame:
    """What the value of each rule is the quotient of: see `_quotient`."""
    metrics = [METRICS[rule.metric] for rule in rules]
    return pl.DataFrame(
        {
            "rule": range(len(rules)),
            "min_samples": [rule.min_samples for rule in rules],
            "is_average": [metric.is_average for metric in metrics],
            "factor": [60 if metric.is_per_minute else 1 for metric in metrics],
            "divisor": [
                int(rule.window.total_seconds()) if metric.is_per_minute and rule.window else 1
                for rule, metric in zip(rules, metrics, strict=True)
            ],
        },
        schema={
            "rule": pl.UInt32,
            "min_samples": pl.Int64,
            "is_average": pl.Boolean,
            "factor": pl.Int128,
            "divisor": pl.Int128,
        },
    )


def _limits(rules: Sequence[Rule]) -> pl.DataFrame:
    """One row per limit: `rule`, `severity`, `comparison`, `limit` as text, `bound` in units of 1e-12."""
    rows = [
        (number, limit.severity, limit.comparison, str(limit.value), scaled(limit.value))
        for number, rule in enumerate(rules)
        for limit in rule.when
    ]
    return pl.DataFrame(rows, schema=_LIMIT_SCHEMA, orient="row")


def _is_firing() -> pl.Expr:
    """Compares sums, never quotients: is the dividend beyond limit times divisor?"""
    dividend, divisor = _quotient()
    bound, comparison = pl.col("bound") * divisor, pl.col("comparison")
    beyond = (
        pl.when(comparison == ">")
        .then(dividend > bound)
        .when(comparison == ">=")
        .then(dividend >= bound)
        .when(comparison == "<")
        .then(dividend < bound)
        .otherwise(dividend <= bound)
    )
    return beyond & (pl.col("samples") >= pl.col("min_samples")) & ~pl.col("is_too_early")


def _value() -> pl.Expr:
    dividend, divisor = _quotient()
    unit = pl.lit(Decimal(1).scaleb(-DECIMAL_PLACES), dtype=VALUE)
    return (
        pl.when(pl.col("samples") >= pl.col("min_samples"))
        .then((dividend // divisor).cast(pl.Decimal(38, 0)) * unit)
        .cast(VALUE)
    )


def _quotient() -> tuple[pl.Expr, pl.Expr]:
    """Dividend and divisor of the metric's value: the sum of the window, by its samples, its minutes, or one."""
    samples_or_time = (
        pl.when("is_average").then(pl.col("samples").cast(pl.Int128)).otherwise(pl.col("divisor"))
    )
    return pl.col("amount") * pl.col("factor"), samples_or_time
