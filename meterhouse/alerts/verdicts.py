"""Verdicts: what the sums of a window say of a rule's limits, exactly, for all rules and groups at once.

What belongs here: the value of a window, and whether it is beyond a limit. What does not: how sums come about
(`windows.py`), rules that compare a window with earlier ones (`comparisons.py`), and how long a rule fires
(`evaluate.py`).
"""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from meterhouse.alerts.metrics import DECIMAL_PLACES, METRICS, scaled
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import period_start

VALUE = pl.Decimal(38, DECIMAL_PLACES)

PACE_FROM = 10
"""A pace is judged when a tenth of its period has gone, with the next event that counts."""

_LIMIT_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "severity": pl.String(),
        "comparison": pl.String(),
        "limit": pl.String(),
        "bound": pl.Int128(),
    }
)
_SIDE_OF_SHARES = {">": ">", ">=": ">", "<": "<=", "<=": "<="}
"""What the sum of a percentile's shares must be to 0, see `samples.py`."""


def judged(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
    """Steps with one row per limit, and whether it is crossed: `severity`, `limit`, `is_firing`, `value`."""
    return (
        quotients(rules, stepped)
        .join(limits(rules), on="rule")
        .with_columns(_is_firing().alias("is_firing"), value().alias("value"))
    )


def quotients(rules: Sequence[Rule], stepped: pl.DataFrame) -> pl.DataFrame:
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


def value() -> pl.Expr:
    """The value of a window of `quotients`, rounded down to 1e-12; null when it holds too few samples."""
    return pl.when(pl.col("samples") >= pl.col("min_samples")).then(as_decimal(units()))


def units() -> pl.Expr:
    """The value of a window of `quotients` in units of 1e-12, rounded down."""
    dividend, divisor = _quotient()
    return dividend // divisor


def as_decimal(amount: pl.Expr) -> pl.Expr:
    """Units of 1e-12 as a decimal."""
    unit = pl.lit(Decimal(1).scaleb(-DECIMAL_PLACES), dtype=VALUE)
    return (amount.cast(pl.Decimal(38, 0)) * unit).cast(VALUE)


def limits(rules: Sequence[Rule]) -> pl.DataFrame:
    """One row per limit: `rule`, `severity`, `comparison`, `limit` as text, `bound` in units of 1e-12."""
    rows = [
        (number, limit.severity, *_bound(rule, limit.comparison, limit.value))
        for number, rule in enumerate(rules)
        for limit in rule.when
    ]
    return pl.DataFrame(rows, schema=_LIMIT_SCHEMA, orient="row")


def is_beyond(amount: pl.Expr, bound: pl.Expr) -> pl.Expr:
    """Whether an amount stands to a bound as `comparison` says."""
    comparison = pl.col("comparison")
    return (
        pl.when(comparison == ">")
        .then(amount > bound)
        .when(comparison == ">=")
        .then(amount >= bound)
        .when(comparison == "<")
        .then(amount < bound)
        .otherwise(amount <= bound)
    )


def _bound(rule: Rule, comparison: str, limit: Decimal) -> tuple[str, str, int]:
    if METRICS[rule.metric].percentile is not None:
        return _SIDE_OF_SHARES[comparison], str(limit), 0
    return comparison, str(limit), scaled(limit)


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


def _is_firing() -> pl.Expr:
    """Compares sums, never quotients: is the dividend beyond limit times divisor?"""
    dividend, divisor = _quotient()
    has_enough = pl.col("samples") >= pl.col("min_samples")
    return is_beyond(dividend, pl.col("bound") * divisor) & has_enough & ~pl.col("is_too_early")


def _quotient() -> tuple[pl.Expr, pl.Expr]:
    """Dividend and divisor of the metric's value: the sum of the window, by its samples, its minutes, or one."""
    samples_or_time = (
        pl.when("is_average").then(pl.col("samples").cast(pl.Int128)).otherwise(pl.col("divisor"))
    )
    return pl.col("amount") * pl.col("factor"), samples_or_time
