"""The evaluator: when rules fire, as a pure function of the set of events, for all rules and groups at once.

Neither the order in which events arrive, nor repeats, nor how they are split over files changes its answer. What
belongs here: from verdicts at instants to the intervals in which a rule fires. What does not: sums (`windows.py`) and
verdicts (`verdicts.py`, `comparisons.py`), where events come from and what is remembered (`running.py`,
`judgement.py`), or who is told (`outbox.py`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl

from meterhouse.alerts.comparisons import compared
from meterhouse.alerts.percentiles import percentile_rules, percentiles
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import TIME, deduplicate, samples
from meterhouse.alerts.traces import calls_of_traces, counting_traces
from meterhouse.alerts.verdicts import VALUE, judged, quotients, value
from meterhouse.alerts.windows import SERIES, empty_openings, moves, steps

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
        "current": VALUE,
        "usual": VALUE,
        "first_event_id": pl.String(),
        "trace_id": pl.String(),
        "sample_count": pl.Int64(),
    }
)

BEFORE_SCHEMA = pl.Schema(
    {"group": pl.String(), "severity": pl.String(), "since": TIME, "was_firing": pl.Boolean()}
)

Load = Callable[[Sequence[tuple[datetime, datetime]]], pl.DataFrame]
"""Gives the events that started within any of some spans, both ends included."""


def evaluate(
    rule: Rule, events: pl.DataFrame, until: datetime, before: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The intervals in which a rule fires.

    Args:
        rule: The rule, with one limit if it is on a percentile (`Rule.judged`).
        events: Priced events, with at least `EVENT_COLUMNS`.
        until: Nothing after this time is judged: later events and expiries have not happened yet.
        before: Where to begin, per group and severity (`BEFORE_SCHEMA`): only steps from `since` on are judged,
            starting from the state `was_firing`, and other groups are left out. Exact when `events` holds every
            event of the group that the window just before `since` holds. None judges everything from the first event.

    Returns:
        `INTERVAL_SCHEMA` without `rule`, one row per group, severity and interval. `fired_at` is null when the interval
        goes on from before `since`; `resolved_at` is null while it lasts. `value` (USD, or a count, or a share) is the
        value that crossed the limit, rounded down to 1e-12; `resolved_value` the one that came back, null when too few
        samples are left. `current` and `usual` are what a comparing rule compared. `first_event_id` is the event that
        crossed, or the newest when an expiry crossed.
    """
    events = deduplicate(events)
    found = verdicts([rule], _all_steps(rule, events, until))
    if before is not None:
        before = before.with_columns(pl.lit(0, dtype=pl.UInt32).alias("rule"))
        starts = before.select("group", "since").unique()
        found = found.join(starts, on="group").filter(pl.col("at") >= pl.col("since")).drop("since")
    return fired([rule], found, before, until, lambda _: events).drop("rule")


def values(rule: Rule, events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The value of each group's window at each instant at which it changes: `group`, `at`, `value` (null: too few)."""
    events = deduplicate(events)
    stepped = _all_steps(rule, events, until)
    if percentile_rules([rule]):
        instants = stepped.filter(pl.col("samples") >= rule.min_samples, pl.col("at").is_not_null())
        return percentiles([rule], events, instants).select("group", "at", "value")
    if len(rule.lags) > 1:
        return compared([rule], stepped).select("group", "at", "value")
    found = quotients([rule], stepped.filter(pl.col("at").is_not_null()))
    return found.select("group", "at", value().alias("value"))


def verdicts(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
    """The verdict of every limit at each instant of `windows.steps`, as `verdicts.py` and `comparisons.py` explain."""
    comparing = [number for number, rule in enumerate(rules) if len(rule.lags) > 1]
    is_comparing = pl.col("rule").is_in(comparing)
    found = judged(rules, stepped.filter(~is_comparing, pl.col("at").is_not_null()))
    if comparing:
        found = pl.concat([found, compared(rules, stepped.filter(is_comparing))], how="diagonal")
    return found


def fired(
    rules: Sequence[Rule], found: pl.DataFrame, before: pl.DataFrame | None, until: datetime, load: Load
) -> pl.DataFrame:
    """The intervals in which rules fire.

    Args:
        rules: The rules that `rule` is a place in.
        found: What `verdicts` found.
        before: Whether each limit was crossed just before: `rule`, `group`, `severity`, `was_firing`, and the
            `period_end` of the calendar period it was crossed in. None: none was.
        until: Nothing after this time is judged.
        load: Gives the events of the windows of which a percentile is told.

    Returns:
        `INTERVAL_SCHEMA`, as `evaluate` explains.
    """
    crossed = _crossed(rules, found, before)
    return _persisting(rules, _measured(rules, crossed, load), until)


def persistence(rules: Sequence[Rule]) -> pl.DataFrame:
    """`rule` and `persistence`: how long a limit must stay crossed before it fires."""
    return pl.DataFrame(
        {"rule": range(len(rules)), "persistence": [rule.persistence for rule in rules]},
        schema={"rule": pl.UInt32, "persistence": pl.Duration("us")},
    )


def _persisting(rules: Sequence[Rule], crossed: pl.DataFrame, until: datetime) -> pl.DataFrame:
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


def _crossed(rules: Sequence[Rule], found: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The intervals in which a limit is crossed, however short."""
    series = [*SERIES, "severity"]
    if before is not None:
        held = before.filter("was_firing").drop("since", strict=False).rename({"was_firing": "is_firing"})
        found = pl.concat([held, found], how="diagonal")
    found = _latched(rules, found.sort(*series, "at", nulls_last=False), series)
    changed = pl.col("is_firing") != pl.col("is_firing").shift(1).over(series).fill_null(False)
    nothing = [pl.lit(None, dtype=VALUE).alias(name) for name in ("current", "usual") if name not in found]
    return (
        found.with_columns(nothing)
        .filter(changed)
        .with_columns(
            pl.col("at").shift(-1).over(series).alias("resolved_at"),
            pl.col("value").shift(-1).over(series).alias("resolved_value"),
        )
        .filter("is_firing")
        .select(
            *SERIES,
            "severity",
            "limit",
            pl.col("at").alias("fired_at"),
            "resolved_at",
            "value",
            "resolved_value",
            "current",
            "usual",
            pl.col("event_id").alias("first_event_id"),
            "trace_id",
            pl.col("samples").alias("sample_count"),
        )
        .cast(INTERVAL_SCHEMA)
        .sort("fired_at", *series)
    )


def _measured(rules: Sequence[Rule], crossed: pl.DataFrame, load: Load) -> pl.DataFrame:
    """Crossings of percentiles with their values: the sums told only on which side of the limit they are."""
    is_percentile = pl.col("rule").is_in(percentile_rules(rules))
    mine = crossed.filter(is_percentile)
    if mine.is_empty():
        return crossed
    for at, name in (("fired_at", "value"), ("resolved_at", "resolved_value")):
        instants = mine.filter(pl.col(name).is_not_null()).select(*SERIES, pl.col(at).alias("at"))
        instants = instants.filter(pl.col("at").is_not_null())
        spans = [
            (end - rules[number].reach, end) for number, end in instants.select("rule", "at").iter_rows()
        ]
        found = percentiles(rules, load(spans), instants).rename({"at": at, "value": name})
        mine = mine.drop(name).join(found, on=[*SERIES, at], how="left")
    return pl.concat([crossed.filter(~is_percentile), mine.select(crossed.columns)]).sort(
        "fired_at", *SERIES, "severity"
    )


def _all_steps(rule: Rule, events: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """The steps of every group from its first event on."""
    found = samples([rule], events)
    moved = counting_traces([rule], moves([rule], found), calls_of_traces([rule], found))
    return steps(moved, empty_openings([rule], found), until)


def _latched(rules: Sequence[Rule], found: pl.DataFrame, series: list[str]) -> pl.DataFrame:
    """What fired once in a period fires until its end, for the rules that want it so."""
    numbers = [number for number, rule in enumerate(rules) if rule.is_latched]
    if not numbers:
        return found
    has_fired = pl.col("is_firing").cast(pl.UInt8).cum_max().over(*series, "period_end").cast(pl.Boolean)
    is_latched = pl.col("rule").is_in(numbers)
    return found.with_columns(pl.when(is_latched).then(has_fired).otherwise("is_firing").alias("is_firing"))
