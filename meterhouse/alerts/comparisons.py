"""Verdicts of the rules that compare their window with earlier ones: change, and anomaly.

A rule on change has one earlier window, the one just before. An anomaly has those of the same hour, and of the hours
on either side, in each of the past weeks: what is usual is their median, and how far a value may be from it is measured
by the median of their own distances from it, which a few wild hours do not move. An earlier window with too few samples
says nothing, and is never taken for 0. What belongs here: that arithmetic, in whole numbers. What does not: the sums of
the windows (`windows.py`), rules with a fixed limit (`verdicts.py`).
"""

from collections.abc import Sequence

import polars as pl

from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.metrics import DECIMAL_PLACES, scaled
from meterhouse.alerts.rules import PERCENT_PLACES, Rule
from meterhouse.alerts.samples import TIME
from meterhouse.alerts.verdicts import as_decimal, is_beyond, limits, quotients, units
from meterhouse.alerts.windows import SERIES

LEAST_SPREAD = 20
"""What is usual varies by a twentieth of it at least, however regular the past weeks were."""

NOISE = 4
"""What is usual varies by chance, however regular it is: by the root of this, by that of the calls in a past window."""

_PERCENT = 10**PERCENT_PLACES
_MILLIONTHS = 10 ** (DECIMAL_PLACES - PERCENT_PLACES)
_MAD_TO_DEVIATION = 14826
"""By which, in 1e-4, the median distance is a standard deviation where values are spread normally."""
_SIDE_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "direction": pl.Int128(),
        "sensitivity": pl.Int128(),
        "least": pl.Int128(),
        "points": pl.Int64(),
    }
)


def compared(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
    """The verdicts on steps of rules with lanes.

    Args:
        rules: The rules that `rule` is a place in.
        stepped: What `windows.steps` found, with the steps of the openings.

    Returns:
        As `verdicts.judged`, and `current` and `usual`, the values that were compared: this window's, and the earlier
        one's or their median. `value` is the change in percent or in the metric's unit, and of an anomaly the current
        value, whose `limit` is where the expected range ends.
    """
    changes = [number for number, rule in enumerate(rules) if rule.change is not None]
    sides = _side_numbers(rules)
    of_changes = stepped.filter(pl.col("rule").is_in(changes))
    of_sides = stepped.filter(pl.col("rule").is_in(sides))
    verdicts = []
    if len(of_changes):
        verdicts.append(_changed(rules, _side_by_side(rules, of_changes)))
    if len(of_sides):
        verdicts.append(_unusual(rules, _side_by_side(rules, of_sides)))
    return pl.concat(verdicts, how="diagonal") if verdicts else pl.DataFrame()


def _side_by_side(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
    """One row per rule, group and instant, with samples and event of lane 0, and a column per lane, `"0"`, `"1"`, ...

    It holds the value of the lane's window, null if that has too few samples; `"count_0"`, ... how many it has.
    """
    numbers = sorted(stepped["lane"].unique())
    is_past_of_side = pl.col("rule").is_in(_side_numbers(rules)) & (pl.col("lane") > 0)
    has_enough = pl.col("samples") >= pl.when(is_past_of_side).then(1).otherwise("min_samples")
    known = quotients(rules, stepped).with_columns(
        units().fill_null(0).alias("value"), has_enough.alias("is_known"), pl.col("samples").alias("count")
    )
    in_front = known.filter(pl.col("lane") == 0).select(*SERIES, "at", "samples", "event_id", "trace_id")
    instants = [*SERIES, "at"]
    wide = (
        known.pivot("lane", index=instants, values=["value", "is_known", "count"])
        .join(in_front, on=instants, how="left", nulls_equal=True)
        .sort(instants, nulls_last=False)
        .with_columns(pl.exclude(instants).forward_fill().over(SERIES))
        .filter(pl.col("at").is_not_null())
    )
    return wide.with_columns(
        *(pl.when(f"is_known_{lane}").then(f"value_{lane}").alias(str(lane)) for lane in numbers),
        pl.lit(None, dtype=TIME).alias("period_end"),
    )


def _changed(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """Compares products, never quotients; a percentage of nothing, or of less, is none."""
    percents = [number for number, rule in enumerate(rules) if rule.change == "percent"]
    is_percent = pl.col("rule").is_in(percents)
    now, before = pl.col("0"), pl.col("1")
    difference = now - before
    is_known = difference.is_not_null() & (~is_percent | (before > 0))
    dividend = pl.when(is_percent).then(difference * (100 * _PERCENT)).otherwise(difference)
    bound = pl.when(is_percent).then(pl.col("bound") // _MILLIONTHS * before).otherwise("bound")
    percent = difference * (100 * _PERCENT) // before * _MILLIONTHS
    return found.join(limits(rules), on="rule").select(
        *_KEPT,
        "limit",
        (is_known & is_beyond(dividend, bound)).fill_null(False).alias("is_firing"),
        as_decimal(pl.when(is_known).then(pl.when(is_percent).then(percent).otherwise(difference))).alias(
            "value"
        ),
        as_decimal(now).alias("current"),
        as_decimal(before).alias("usual"),
    )


def _unusual(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """Whether this window is further from the median of the earlier ones than the rule bears.

    In whole numbers: the sum of the two middle values is twice the median, and the two middle distances from that,
    twice themselves, are four times the median distance.
    """
    rows = found.with_row_index("row").join(_sides(rules), on="rule").join(limits(rules), on="rule")
    lanes = [int(name) for name in found.columns if name.isdigit() and name != "0"]
    earlier = pl.concat(
        [
            rows.select("row", earlier=pl.col(str(lane)), count=f"count_{lane}").drop_nulls("earlier")
            for lane in lanes
        ]
    )
    medians = earlier.group_by("row").agg(
        _middle(pl.col("earlier")).alias("median_twice"), pl.len().alias("n"), pl.col("count").sum()
    )
    distances = (
        earlier.join(medians, on="row")
        .with_columns((2 * pl.col("earlier") - pl.col("median_twice")).abs().alias("distance_twice"))
        .group_by("row")
        .agg(_middle(pl.col("distance_twice")).alias("spread_four_times"))
    )
    known = rows.join(medians, on="row", how="left").join(distances, on="row", how="left")
    median, now = pl.col("median_twice"), pl.col("0")
    chance = (
        (NOISE * 10**8 * pl.col("n").cast(pl.Int64) // pl.col("count"))
        .cast(pl.Float64)
        .sqrt()
        .floor()
        .cast(pl.Int128)
    )
    least_share = pl.max_horizontal(chance, 10_000 // LEAST_SPREAD)
    spread = pl.max_horizontal(
        _MAD_TO_DEVIATION * pl.col("spread_four_times"), median.abs() * 2 * least_share
    )
    # Both are four times the distance, in 1e-6 of a unit: a spread has 1e-4 of its factor, a sensitivity 1e-2.
    allowed = pl.max_horizontal(pl.col("sensitivity") * spread, pl.col("least") * 4_000_000)
    distance = (2 * now - median) * pl.col("direction") * 2_000_000
    is_known = (pl.col("n") >= pl.col("points")) & (allowed > 0)
    end = (median * 2_000_000 + pl.col("direction") * allowed) // 4_000_000
    return known.select(
        *_KEPT,
        _plain(as_decimal(end)).alias("limit"),
        (is_known & (distance > allowed)).fill_null(False).alias("is_firing"),
        as_decimal(now).alias("value"),
        as_decimal(now).alias("current"),
        as_decimal(median // 2).alias("usual"),
    )


def _side_numbers(rules: Sequence[Rule]) -> list[int]:
    """Places of the rules on an anomaly."""
    return [number for number, rule in enumerate(rules) if isinstance(rule, AnomalySide)]


def _sides(rules: Sequence[Rule]) -> pl.DataFrame:
    rows = [
        (
            number,
            1 if rule.direction == "up" else -1,
            int(rule.sensitivity * 100),
            scaled(rule.at_least),
            len(rule.lags) // 2,
        )
        for number, rule in enumerate(rules)
        if isinstance(rule, AnomalySide)
    ]
    return pl.DataFrame(rows, schema=_SIDE_SCHEMA, orient="row")


def _middle(column: pl.Expr) -> pl.Expr:
    """The sum of the two middle values: twice the median."""
    ordered = column.sort()
    return ordered.get((pl.len() - 1) // 2) + ordered.get(pl.len() // 2)


def _plain(column: pl.Expr) -> pl.Expr:
    """A decimal as text without trailing zeros."""
    return column.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


_KEPT = [*SERIES, "severity", "period_end", "at", "samples", "event_id", "trace_id"]
