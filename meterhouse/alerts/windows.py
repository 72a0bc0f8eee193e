"""Windows: what a rule's samples come to at each instant at which that can change, for all rules and groups at once.

Each event adds its amount when it starts and takes it away one window later (in a calendar period: all are taken away
at its end), so the running sum is the value of the window (t - window, t]. A rule that compares its window with
earlier ones has a lane for each of these, in which everything happens later by the lane's lag: at every instant, what
stands in a lane is what stood in the window that long ago. What belongs here: vectorised, exact sums. What does not:
what an event is to a rule (`samples.py`), and what the sums say of a limit (`verdicts.py`, `comparisons.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import TIME

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Before all events."""

OPENING_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "lane": pl.UInt8(),
        "period_end": TIME,
        "since": TIME,
        "amount": pl.Int128(),
        "samples": pl.Int64(),
    }
)
"""One window of one rule and group just before `since`: its sum and its count."""

MOVE_SCHEMA = pl.Schema(
    {
        "rule": pl.UInt32(),
        "group": pl.String(),
        "lane": pl.UInt8(),
        "period_end": TIME,
        "at": TIME,
        "amount": pl.Int128(),
        "samples": pl.Int64(),
        "event_id": pl.String(),
        "trace_id": pl.String(),
    }
)
"""What one instant adds to a window, or takes away; `event_id` is of the event that enters lane 0, else null."""

_LANE_SCHEMA = pl.Schema(
    {"rule": pl.UInt32(), "lane": pl.UInt8(), "lag": pl.Duration("us"), "window": pl.Duration("us")}
)
SERIES = ["rule", "group"]
_WINDOW = [*SERIES, "lane"]
_ORDER = [*_WINDOW, "at", "event_id"]
_ORDER_NULLS_LAST = [False, False, False, False, True]
_NO_ID = pl.lit(None, dtype=pl.String)


def lanes(rules: Sequence[Rule]) -> pl.DataFrame:
    """One row per rule and lane: `rule`, `lane`, its `lag`, and the rule's `window`, null for a calendar period."""
    rows = [
        (number, lane, lag, rule.window)
        for number, rule in enumerate(rules)
        for lane, lag in enumerate(rule.lags)
    ]
    return pl.DataFrame(rows, schema=_LANE_SCHEMA, orient="row")


def moves(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """What samples (`SAMPLE_SCHEMA`) do to their windows, `MOVE_SCHEMA`: enter, and leave where the window rolls on."""
    placed = found.join(lanes(rules), on="rule").with_columns(pl.col("at") + pl.col("lag"))
    is_in_front = pl.col("lane") == 0
    entries = placed.with_columns(
        pl.lit(1, dtype=pl.Int64).alias("samples"), pl.when(is_in_front).then("event_id").alias("event_id")
    )
    expiries = placed.filter(pl.col("window").is_not_null()).with_columns(
        pl.col("at") + pl.col("window"),
        (0 - pl.col("amount")).alias("amount"),
        pl.lit(-1, dtype=pl.Int64).alias("samples"),
        _NO_ID.alias("event_id"),
    )
    return pl.concat([entries.select(MOVE_SCHEMA.names()), expiries.select(MOVE_SCHEMA.names())])


def empty_openings(rules: Sequence[Rule], found: pl.DataFrame) -> pl.DataFrame:
    """`OPENING_SCHEMA` of every group of some samples before its first."""
    return (
        found.select(SERIES)
        .unique()
        .join(lanes(rules), on="rule")
        .select(
            *_WINDOW,
            pl.lit(None, dtype=TIME).alias("period_end"),
            pl.lit(BEGINNING, dtype=TIME).alias("since"),
            pl.lit(0, dtype=pl.Int128).alias("amount"),
            pl.lit(0, dtype=pl.Int64).alias("samples"),
        )
    )


def steps(moved: pl.DataFrame, openings: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Sum and sample count of each window at each instant at which it changes.

    Args:
        moved: `MOVE_SCHEMA`, of rules and groups in `openings` only.
        openings: `OPENING_SCHEMA`, one row per rule, group and lane; moves before its `since` are in it.
        until: Nothing after this time is judged.

    Returns:
        `MOVE_SCHEMA` with one row per rule, group, lane and instant, and one of the opening, whose `at` is null;
        `event_id` is the first that entered then, or else the newest that entered since `since`, if any did.
    """
    later = (
        moved.join(openings.select(*_WINDOW, "since"), on=_WINDOW)
        .filter(pl.col("at") >= pl.col("since"), pl.col("at") <= until)
        .drop("since")
    )
    return (
        pl.concat([_opened(openings), _ended(later, openings, until), later])
        .sort(_ORDER, nulls_last=_ORDER_NULLS_LAST)
        .with_columns(pl.col("amount", "samples").cum_sum().over(*_WINDOW, "period_end"))
        .group_by(*_WINDOW, "at", maintain_order=True)
        .agg(
            pl.col("period_end", "amount", "samples").last(),
            pl.struct("event_id", "trace_id").first().alias("entered"),
        )
        .with_columns(
            pl.when(pl.col("entered").struct.field("event_id").is_not_null())
            .then("entered")
            .forward_fill()
            .over(_WINDOW)
        )
        .unnest("entered")
        .select(MOVE_SCHEMA.names())
    )


def _opened(openings: pl.DataFrame) -> pl.DataFrame:
    """Openings as moves before all others."""
    return openings.select(
        *_WINDOW,
        "period_end",
        pl.lit(None, dtype=TIME).alias("at"),
        "amount",
        "samples",
        _NO_ID.alias("event_id"),
        _NO_ID.alias("trace_id"),
    )


def _ended(moved: pl.DataFrame, openings: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """A move of nothing at the end of each calendar period in which nothing else moves: the next one begins empty."""
    return (
        pl.concat([moved.select(*_WINDOW, "period_end"), openings.select(*_WINDOW, "period_end")])
        .filter(pl.col("period_end") <= until)
        .unique()
        .select(
            *_WINDOW,
            pl.lit(None, dtype=TIME).alias("period_end"),
            pl.col("period_end").alias("at"),
            pl.lit(0, dtype=pl.Int128).alias("amount"),
            pl.lit(0, dtype=pl.Int64).alias("samples"),
            _NO_ID.alias("event_id"),
            _NO_ID.alias("trace_id"),
        )
        .join(moved, on=[*_WINDOW, "at"], how="anti")
    )
