"""Percentiles: what one was at some instants, from all the samples of its window.

Whether a percentile is beyond its limit follows from sums (`samples.py`); how high it was is asked only when somebody
is told, or for a backtest. What belongs here: that answer, exact. What does not: when a rule fires (`evaluate.py`).
"""

from collections.abc import Sequence

import polars as pl

from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import samples
from meterhouse.alerts.verdicts import as_decimal
from meterhouse.alerts.windows import SERIES, lanes

INSTANTS_AT_ONCE = 2_000

_INSTANT = [*SERIES, "at"]


def percentile_rules(rules: Sequence[Rule]) -> list[int]:
    """Places of the rules on a percentile."""
    return [number for number, rule in enumerate(rules) if METRICS[rule.metric].percentile is not None]


def percentiles(rules: Sequence[Rule], events: pl.DataFrame, instants: pl.DataFrame) -> pl.DataFrame:
    """The percentile of each window: of n samples the one at place P n / 100, rounded up, in the order of size.

    Args:
        rules: The rules that `rule` is a place in.
        events: All events of the windows that end at `instants`, one row per `event_id`.
        instants: `rule`, `group` and `at`, of rules on a percentile.

    Returns:
        `rule`, `group`, `at` and `value`, for the windows that hold a sample.
    """
    measured = samples([_measuring(rule) for rule in rules], events).rename({"at": "started_at"})
    percents = pl.DataFrame(
        {"rule": range(len(rules)), "percent": [METRICS[rule.metric].percentile for rule in rules]},
        schema={"rule": pl.UInt32, "percent": pl.Int64},
    ).join(lanes(rules), on="rule")
    sought = instants.select(_INSTANT).unique().join(percents, on="rule").sort("at")
    place = (pl.len() * pl.col("percent").first() + 99) // 100 - 1
    found = [
        part.join(measured.filter(_is_near(part)), on=SERIES)
        .filter(pl.col("started_at") <= pl.col("at"), pl.col("started_at") > pl.col("at") - pl.col("window"))
        .group_by(_INSTANT)
        .agg(as_decimal(pl.col("amount").sort().get(place)).alias("value"))
        for part in sought.iter_slices(INSTANTS_AT_ONCE)
    ]
    return (
        pl.concat(found)
        if found
        else sought.select(_INSTANT, value=as_decimal(pl.lit(None, dtype=pl.Int128)))
    )


def _measuring(rule: Rule) -> Rule:
    """The rule on the amounts themselves."""
    return rule.model_copy(update={"metric": METRICS[rule.metric].average_metric or rule.metric})


def _is_near(sought: pl.DataFrame) -> pl.Expr:
    """Whether a sample is in any of the windows' whole span."""
    first, last = sought.select(
        (pl.col("at") - pl.col("window")).min().alias("first"), pl.col("at").max()
    ).row(0)
    return pl.col("started_at").is_between(first, last)
