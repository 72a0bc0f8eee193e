"""Contributors: which customers, models, agents and so on make up what is unusual about a window.

What belongs here: that comparison, from the events of the window and of the earlier ones it was compared with. What
does not: whether it is unusual (`comparisons.py`), and the words (`wording.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl

from meterhouse.alerts.anomalies import AnomalySide
from meterhouse.alerts.evaluate import Load
from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.samples import group_key, matches
from meterhouse.alerts.verdicts import as_decimal

FIELDS = ("customer", "product", "agent", "workflow", "model", "credential_name", "operation")
"""What a group is taken apart by."""
NAMED = 3


@dataclass(frozen=True)
class Contributor:
    """One value of a field, what its calls come to in the window, and in an earlier one on average."""

    field: str
    name: str | None
    now: Decimal
    usual: Decimal


def contributors(rule: AnomalySide, group: str, at: datetime, load: Load) -> list[Contributor]:
    """Those that added most to what is unusual, at most one per field, the first the most.

    Args:
        rule: The side of the anomaly.
        group: The group, as canonical JSON.
        at: The end of the window.
        load: Gives the events that started within some spans.
    """
    window = rule.window or timedelta()
    ends = [at - lag for lag in rule.lags]
    events = load([(end - window, end) for end in ends]).filter(
        matches(rule), METRICS[rule.metric].is_sample, group_key(rule) == group
    )
    now, *earlier = (_inside(events, end - window, end) for end in ends)
    known = [one for one in earlier if len(one)]
    fields = [field for field in FIELDS if field not in rule.group_by]
    found = [one for field in fields if (one := _most(rule, field, now, known))]
    sign = 1 if rule.direction == "up" else -1
    return sorted(found, key=lambda one: sign * (one.usual - one.now))[:NAMED]


def _inside(events: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    return events.filter(pl.col("started_at") > start, pl.col("started_at") <= end)


def _most(
    rule: AnomalySide, field: str, now: pl.DataFrame, earlier: Sequence[pl.DataFrame]
) -> Contributor | None:
    """The value of a field whose sum differs most from what it is on average; None where all calls have the same."""
    amount = METRICS[rule.metric].amount
    sums = [
        frame.group_by(field).agg(amount.sum().alias("amount")).with_columns(is_now=pl.lit(is_now))
        for is_now, frame in ((True, now), *((False, one) for one in earlier))
    ]
    by_value = (
        pl.concat(sums)
        .group_by(field)
        .agg(
            pl.col("amount").filter("is_now").sum().alias("now"),
            pl.col("amount").filter(~pl.col("is_now")).sum() // max(1, len(earlier)),
        )
        .with_columns(
            ((pl.col("now") - pl.col("amount")) * (1 if rule.direction == "up" else -1)).alias("excess")
        )
        .sort("excess", field, descending=[True, False])
    )
    if len(by_value) < 2:
        return None
    name, current, usual = by_value.select(
        field, as_decimal(pl.col("now")), as_decimal(pl.col("amount"))
    ).row(0)
    return Contributor(field, name, current, usual)
