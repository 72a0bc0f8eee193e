"""Samples: what events are to rules, for many rules at once, each distinct question asked only once.

What belongs here: which events a rule looks at, their groups, amounts and calendar periods, and which copy of an event
counts. What does not: windows and limits (`evaluate.py`).
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from meterhouse.alerts.metrics import EVENT_COLUMNS, METRICS, scaled
from meterhouse.alerts.rule_parts import Condition
from meterhouse.alerts.rules import Rule
from meterhouse.events.schema import WAREHOUSE_SCHEMA

TIME = pl.Datetime("us", "UTC")
NO_EVENTS = pl.DataFrame(pa.Table.from_pylist([], schema=WAREHOUSE_SCHEMA)).select(EVENT_COLUMNS)

SAMPLE_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "period_end": TIME,
        "at": TIME,
        "amount": pl.Int128(),
        "event_id": pl.String(),
        "trace_id": pl.String(),
    }
)
"""`rule` is a place in the list of rules; `period_end` is null for a rolling window; `amount` in units of 1e-12."""

_STEPS = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q"}


def samples(rules: Sequence[Rule], events: pl.DataFrame) -> pl.DataFrame:
    """What each event is to each rule.

    Args:
        rules: The rules.
        events: Events with at least `EVENT_COLUMNS`, one row per `event_id`.

    Returns:
        `SAMPLE_SCHEMA`, one row per rule and event that it counts.
    """
    if not rules or events.is_empty():
        return pl.DataFrame(schema=SAMPLE_SCHEMA)
    asked = events.select("event_id", "trace_id", pl.col("started_at").alias("at"), *_distinct(rules))
    rows, numbers = _counted(rules, asked)
    answers = {
        column: _gathered(asked, [name(rule) for rule in rules], rows, numbers)
        for column, name in (("group", _group_name), ("period_end", _period_name), ("amount", _amount_name))
    }
    shared = {name: asked[name].gather(rows) for name in ("at", "event_id", "trace_id")}
    return pl.DataFrame({"rule": numbers, **answers, **shared}, schema=SAMPLE_SCHEMA)


def _counted(rules: Sequence[Rule], asked: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Place of the event, and place of the rule, of every event that a rule counts."""
    masks = {
        name: asked[name].to_numpy() for rule in rules for name in (_where_name(rule), _sample_name(rule))
    }
    rows = [np.flatnonzero(masks[_where_name(rule)] & masks[_sample_name(rule)]) for rule in rules]
    return np.concatenate(rows), np.repeat(np.arange(len(rules)), [len(found) for found in rows])


def _gathered(asked: pl.DataFrame, names: list[str], rows: np.ndarray, numbers: np.ndarray) -> pl.Series:
    """The value of each rule's own column (`names`) in each row."""
    distinct = list(dict.fromkeys(names))
    places = np.array([distinct.index(name) for name in names])
    return pl.concat([asked[name] for name in distinct], rechunk=True).gather(
        places[numbers] * asked.height + rows
    )


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


def period_start(rule: Rule, at: pl.Expr) -> pl.Expr:
    """When the rule's calendar period around a time began, in its time zone's calendar; UTC."""
    return _local(rule, at).dt.convert_time_zone("UTC")


def period_end(rule: Rule, at: pl.Expr) -> pl.Expr:
    """When the rule's calendar period around a time ends; null for a rolling window."""
    if rule.period is None:
        return pl.lit(None, dtype=TIME)
    return _local(rule, at).dt.offset_by(_STEPS[rule.period]).dt.convert_time_zone("UTC")


def deduplicate(events: pl.DataFrame) -> pl.DataFrame:
    """One row per `event_id`, the one received first; of copies received at once, always the same one.

    Columns beside `EVENT_COLUMNS` stay, and decide last.
    """
    is_repeated = events["event_id"].is_duplicated()
    if not is_repeated.any():
        return events
    first = ("event_id", "received_at")
    more = [name for name in events.columns if name not in EVENT_COLUMNS]
    ranking = [*first, *(name for name in EVENT_COLUMNS if name not in first), *more]
    winners = events.filter(is_repeated).sort(ranking, nulls_last=True).unique("event_id", keep="first")
    return pl.concat([events.filter(~is_repeated), winners])


def _local(rule: Rule, at: pl.Expr) -> pl.Expr:
    return at.dt.convert_time_zone(rule.timezone).dt.truncate(_STEPS[str(rule.period)])


def _distinct(rules: Sequence[Rule]) -> list[pl.Expr]:
    """One column per distinct condition, metric, grouping and period of the rules."""
    found: dict[str, pl.Expr] = {}
    for rule in rules:
        metric = METRICS[rule.metric]
        found.setdefault(_where_name(rule), matches(rule))
        found.setdefault(_sample_name(rule), metric.is_sample)
        found.setdefault(_amount_name(rule), _amount(rule))
        found.setdefault(_group_name(rule), group_key(rule))
        found.setdefault(_period_name(rule), period_end(rule, pl.col("started_at")))
    return [expression.alias(name) for name, expression in found.items()]


def _amount(rule: Rule) -> pl.Expr:
    """The metric's amount, or each sample's share in the question whether a percentile is beyond the limit.

    The P-th percentile exceeds the limit exactly when less than P percent of the samples do not, so when the sum, over
    all samples, of P less 100 for each that does not, is above 0. That is a sum like any other: nothing is estimated.
    """
    metric = METRICS[rule.metric]
    if metric.percentile is None:
        return metric.amount
    [limit] = rule.when
    bound = pl.lit(scaled(limit.value), dtype=pl.Int128)
    is_within = metric.amount <= bound if limit.comparison in (">", "<=") else metric.amount < bound
    return (metric.percentile - 100 * is_within.cast(pl.Int64)).cast(pl.Int128)


def _where_name(rule: Rule) -> str:
    where = {field: condition.model_dump(exclude_none=True) for field, condition in rule.where.items()}
    return f"where {json.dumps(where, sort_keys=True)}"


def _sample_name(rule: Rule) -> str:
    return f"is a sample of {rule.metric}"


def _amount_name(rule: Rule) -> str:
    limit = f" {rule.when[0]}" if METRICS[rule.metric].percentile is not None else ""
    return f"amount of {rule.metric}{limit}"


def _group_name(rule: Rule) -> str:
    return f"group by {sorted(set(rule.group_by))}"


def _period_name(rule: Rule) -> str:
    return f"period {rule.period} {rule.timezone}"


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
