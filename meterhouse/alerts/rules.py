"""Alert rules: what a rule is, and when one is well formed.

What belongs here: the rules on metered events with a limit, and on the pipeline's health. What does not: what rules are
made of (`rule_parts.py`), budgets and anomalies (`budgets.py`, `anomalies.py`), reading the file and naming lines
(`rules_file.py`), or judging (`evaluate.py`).
"""

import hashlib
import json
from datetime import timedelta
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from meterhouse.alerts.enforcing import Enforce, refuse_unenforceable
from meterhouse.alerts.metrics import METRICS, Metric
from meterhouse.alerts.rule_parts import (
    PERIODS,
    STRICT,
    Channel,
    Dimension,
    Duration,
    MetricName,
    Mode,
    Period,
    RuleName,
    Severity,
    TimeZone,
    When,
    Where,
    Window,
    choice,
    window_text,
)

HEALTH_CHECKS = {
    "connection_stale": "a connection that is not paused is Disconnected",
    "rejected_lines": "lines that came within a day are no events",
    "marts_behind": "loaded events are in no published mart for an hour",
    "run_failed": "the newest run of a job failed",
    "coverage_drop": "metered calls explain less of a connection's bill than before",
    "billed_without_metered": "a model is billed of which no call is metered",
    "metered_ahead": "more is metered on a connection than is billed",
}
PERCENT_PLACES = 6
"""Decimal places of a limit in percent."""
HIGHEST_PERCENT = 1_000_000
LONGEST_CHANGE = timedelta(days=15)
LONGEST_PERCENTILE = timedelta(days=1)
"""What a message says of a percentile is read from all calls of its window."""


class HealthRule(BaseModel):
    """A rule on the pipeline itself: fires for each thing that is not well, until it is."""

    model_config = STRICT
    VERSION_PREFIX: ClassVar[str] = "health "

    name: RuleName
    health: Annotated[str, *choice("check of the pipeline's health", tuple(HEALTH_CHECKS))]
    severity: Severity = "critical"
    notify: tuple[Channel, ...] = Field(default=(), description="Channels to tell.")
    mode: Mode = "live"

    @property
    def version(self) -> str:
        """Names all that decides when the rule fires."""
        return f"{self.VERSION_PREFIX}{self.health} {self.severity}"


class Rule(BaseModel):
    """A threshold rule: fires for a group while the metric over a window or calendar period is beyond a limit."""

    model_config = STRICT

    name: RuleName
    metric: MetricName
    window: Window | None = Field(
        default=None,
        description="Rolling, by event time: an event counts from its start until one window later.",
    )
    period: Period | None = Field(
        default=None,
        description="Calendar period, in place of window: an event counts until the period ends.",
    )
    timezone: TimeZone = Field(
        default="UTC", description="Whose calendar a period follows: an IANA name such as Europe/Berlin."
    )
    change: Literal["percent", "absolute"] | None = Field(
        default=None,
        description="The limit is on the change against the window before: in percent, or in the metric's unit.",
    )
    when: When = Field(description='A limit such as "> 1.25", or one for each of warning and critical.')
    group_by: tuple[Dimension, ...] = Field(
        default=(), description="Each group has its own window and incidents."
    )
    where: dict[Dimension, Where] = Field(default={}, description="Only events that match count.")
    min_samples: int = Field(
        default=1,
        ge=0,
        description="Counted events the window must hold before the rule can fire; 0: it may fire for none.",
    )
    for_: Duration | None = Field(
        default=None, alias="for", description="How long the limit must stay crossed before the rule fires."
    )
    notify: tuple[Channel, ...] = Field(default=(), description="Channels to tell.")
    renotify: Duration | None = Field(
        default=None, description="How often to tell again while it lasts; once if not given."
    )
    mode: Mode = "live"
    enforce: Enforce | None = None

    @model_validator(mode="after")
    def _looks_at_one_span(self) -> Self:
        if (self.window is None) == (self.period is None):
            raise ValueError("write either window, such as 1h, or period: day, week, month or quarter")
        if self.period is None and self.timezone != "UTC":
            raise ValueError("timezone is for a period; a rolling window needs none")
        if self.min_samples == 0 and (self.window is None or METRICS[self.metric].is_average):
            raise ValueError("min_samples: 0 needs a window, and a metric that is no average")
        if self.period is not None and METRICS[self.metric].is_per_minute:
            raise ValueError(f"{self.metric} needs a window, not a period")
        return self

    @model_validator(mode="after")
    def _can_be_a_percentile(self) -> Self:
        if METRICS[self.metric].percentile is not None and (
            self.window is None or self.window > LONGEST_PERCENTILE
        ):
            raise ValueError(f"{self.metric} needs a window of 1d at most, such as 1h")
        return self

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.change is not None:
            if self.window is None or self.window > LONGEST_CHANGE:
                raise ValueError(
                    "change compares a window with the one before; write a window of 15d at most"
                )
            if self.min_samples == 0:
                raise ValueError("change compares what both windows hold; min_samples must be 1 or more")
            if self.enforce is not None:
                raise ValueError("a change holds no call back; enforce needs a limit on the value itself")
            refuse_percentile(METRICS[self.metric], "change")
            if self.change == "percent" and any(
                abs(limit.value) > HIGHEST_PERCENT or round(limit.value, PERCENT_PLACES) != limit.value
                for limit in self.when
            ):
                raise ValueError(
                    f"a limit in percent has {PERCENT_PLACES} decimal places and is {HIGHEST_PERCENT} at most"
                )
        return self

    @model_validator(mode="after")
    def _can_be_enforced(self) -> Self:
        if self.enforce is not None:
            if any(limit.comparison in ("<", "<=") for limit in self.when):
                raise ValueError(
                    "enforce holds calls back while a value is too high; write limits with > or >="
                )
            has_critical = any(limit.severity == "critical" for limit in self.when)
            refuse_unenforceable(self.enforce, self.mode, (*self.group_by, *self.where), has_critical)
        return self

    @property
    def is_latched(self) -> bool:
        """Whether it stays fired until its calendar period ends, whatever the value."""
        return False

    @property
    def is_paced(self) -> bool:
        """Whether the value is what the period will have come to at its end, at the pace so far."""
        return False

    @property
    def persistence(self) -> timedelta:
        """How long the limit must stay crossed before the rule fires."""
        return self.for_ or timedelta()

    @property
    def window_text(self) -> str:
        """The window as it is written, `1h`, `90s`, or the period in words."""
        if self.window is not None:
            return window_text(self.window)
        return f"{self.period} ({self.timezone})"

    @property
    def fires_when(self) -> str:
        """When it fires, in words."""
        limits = ", ".join(
            f"{limit.severity} {limit}{' %' if self.change == 'percent' else ''}" for limit in self.when
        )
        return f"{limits} against the {self.window_text} before" if self.change else limits

    @property
    def lags(self) -> tuple[timedelta, ...]:
        """How long ago each window is that is looked at: now, and for a change the one before."""
        return (timedelta(), self.window) if self.change and self.window else (timedelta(),)

    @property
    def reach(self) -> timedelta:
        """How long an event can count."""
        return max(self.lags) + (self.window if self.window is not None else PERIODS[str(self.period)])

    def judged(self) -> list["Rule"]:
        """The rules by which it is judged: itself, or, for a percentile, one of its name for each limit."""
        if METRICS[self.metric].percentile is None:
            return [self]
        return [self.model_copy(update={"when": (limit,)}) for limit in self.when]

    @cached_property
    def version(self) -> str:
        """Fingerprint of all that decides when the rule fires; whom it tells and holds back is no part of it."""
        meaning = self.model_dump(
            mode="json", exclude={"notify", "renotify", "mode", "enforce"}, exclude_defaults=True
        )
        meaning["group_by"] = sorted(self.group_by)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def refuse_percentile(metric: Metric, what: str) -> None:
    """Check that a metric's windows can be compared with one another.

    Raises:
        ValueError: They cannot; one sentence says why.
    """
    if metric.percentile is not None:
        raise ValueError(f"{what} is not judged on percentiles; use the average, {metric.average_metric}")
