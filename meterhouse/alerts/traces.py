"""Traces in windows: how many different ones a window holds, as a sum of what each call changes.

A call brings its trace into a window unless an earlier call of the trace is still in it, and takes it along when it
leaves unless a later one stays. What belongs here: that, from the times of all calls of a trace. What does not: where
those times are kept (`running.py`).
"""

from collections.abc import Sequence

import polars as pl

from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import TIME
from meterhouse.alerts.windows import lanes

TRACE_SCHEMA = pl.Schema(
    {"key": pl.UInt64(), "trace": pl.UInt64(), "period_end": TIME, "at": TIME, "id": pl.UInt64()}
)
"""One call of a trace: hashes of rule and group, of the trace and of the event."""

_TRACE = ["key", "trace", "period_end"]


def trace_rules(rules: Sequence[Rule]) -> list[int]:
    """Places of the rules that count traces."""
    return [number for number, rule in enumerate(rules) if METRICS[rule.metric].is_per_trace]


def calls_of_traces(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """The samples of rules that count traces, `TRACE_SCHEMA`."""
    return found.filter(pl.col("rule").is_in(trace_rules(rules))).select(
        series_key(), trace_key(), "period_end", "at", pl.col("event_id").hash().alias("id")
    )


def counting_traces(rules: Sequence[Rule], moved: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Moves whose `samples` are traces that enter or leave, where the rule counts traces.

    Args:
        rules: The rules that `rule` is a place in.
        moved: `windows.MOVE_SCHEMA`.
        calls: `TRACE_SCHEMA` of all calls that are known.
    """
    is_counted = pl.col("rule").is_in(trace_rules(rules))
    mine = moved.filter(is_counted)
    if mine.is_empty():
        return moved
    is_entry = pl.col("samples") > 0
    mine = mine.join(lanes(rules), on=["rule", "lane"]).with_columns(series_key(), trace_key())
    start = pl.col("at") - pl.col("lag") - pl.when(is_entry).then(pl.duration()).otherwise("window")
    mine = mine.with_columns(start.alias("start"), is_entry.alias("is_entry"))
    times = (
        calls.filter(pl.col("key").is_in(mine["key"].unique().implode()))
        .select(*_TRACE, start=pl.col("at"))
        .unique()
        .sort(*_TRACE, "start")
        .with_columns(
            pl.col("start").shift(1).over(_TRACE).alias("previous"),
            pl.col("start").shift(-1).over(_TRACE).alias("next"),
        )
    )
    is_alone = (
        pl.when("is_entry")
        .then(_is_apart(pl.col("start") - pl.col("previous")))
        .otherwise(_is_apart(pl.col("next") - pl.col("start")))
    )
    is_one_of_many = pl.int_range(pl.len()).over("rule", "group", "lane", *_TRACE, "start", "is_entry") == 0
    weighed = mine.join(times, on=[*_TRACE, "start"], how="left", nulls_equal=True).with_columns(
        samples=pl.col("samples") * (is_alone & is_one_of_many).cast(pl.Int64)
    )
    return pl.concat([moved.filter(~is_counted), weighed.select(moved.columns)])


def _is_apart(gap: pl.Expr) -> pl.Expr:
    """Whether two calls of a trace are never in the same window; those of a calendar period always are."""
    return gap.is_null() | (gap >= pl.col("window")).fill_null(False)


def series_key() -> pl.Expr:
    """A hash of rule and group, to look them up by: what it finds too much is told apart afterwards."""
    return pl.struct("rule", "group").hash().alias("key")


def trace_key() -> pl.Expr:
    """A hash of the trace; two of a group that share one, which no installation will see, count as one."""
    return pl.col("trace_id").hash().alias("trace")
