"""Anomalies: a value that is far from what it usually is at this hour of the week.

Each side, too high and too low, is judged as a rule of its own (`AnomalySide`) by the evaluator that judges all rules.
What belongs here: the shape of such a rule. What does not: what is usual and how far is far (`comparisons.py`), and the
words of its message (`wording.py`).
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from meterhouse.alerts.metrics import METRICS
from meterhouse.alerts.rule_parts import (
    STRICT,
    Channel,
    Dimension,
    Duration,
    Limit,
    MetricName,
    Mode,
    RuleName,
    Severity,
    Where,
    Window,
    window_text,
)
from meterhouse.alerts.rules import Rule, refuse_percentile

LONGEST_WINDOW = timedelta(days=1)
WEEK = timedelta(days=7)
NEIGHBOURS = (timedelta(hours=-1), timedelta(), timedelta(hours=1))
"""The same hour of an earlier week, and the hours on either side."""
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_SENSITIVITY = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?")


def _read_sensitivity(text: Any) -> Any:
    if isinstance(text, bool) or not _SENSITIVITY.fullmatch(str(text)) or not Decimal(str(text)):
        raise ValueError(
            f"{text!r} is not a sensitivity; write how many usual deviations a value may be off, such as 4, below 100"
        )
    return Decimal(str(text))


def _read_least(text: Any) -> Any:
    if isinstance(text, bool) or not _NUMBER.fullmatch(str(text)):
        raise ValueError(
            f"{text!r} is not an amount; write a plain number in the metric's unit, such as 5 or 0.25"
        )
    return Decimal(str(text))


_PLAIN = PlainSerializer("{:f}".format)
Sensitivity = Annotated[
    Decimal,
    BeforeValidator(_read_sensitivity),
    _PLAIN,
    WithJsonSchema({"type": ["number", "string"], "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
]
Least = Annotated[
    Decimal,
    BeforeValidator(_read_least),
    _PLAIN,
    WithJsonSchema({"type": ["number", "string"], "minimum": 0}),
]
Direction = Literal["up", "down", "both"]


class Anomaly(BaseModel):
    """What is unusual: the knobs of a rule's `anomaly`."""

    model_config = STRICT

    weeks: int = Field(default=4, ge=2, le=4, description="How many past weeks say what is usual.")
    sensitivity: Sensitivity = Field(
        default=Decimal(4), description="How many usual deviations a value may be off; higher fires less."
    )
    direction: Direction = Field(default="up", description="Whether too much, too little or both are told.")
    at_least: Least = Field(
        default=Decimal(0), description="A value that is off by less, in the metric's unit, is never told."
    )


class AnomalySide(Rule):
    """One direction of an anomaly as the evaluator judges it."""

    weeks: int
    sensitivity: Sensitivity
    at_least: Least
    direction: Literal["up", "down"]

    @property
    def lags(self) -> tuple[timedelta, ...]:
        """How long ago each window is that is looked at."""
        weeks = range(1, self.weeks + 1)
        return (timedelta(), *(WEEK * week + neighbour for week in weeks for neighbour in NEIGHBOURS))


class AnomalyRule(BaseModel):
    """A rule on what is unusual: fires for a group while its value is outside of what the past weeks let expect."""

    model_config = STRICT

    name: RuleName
    metric: MetricName
    window: Window = Field(description="Rolling, by event time; at most a day.")
    anomaly: Anomaly
    severity: Severity = "warning"
    group_by: tuple[Dimension, ...] = Field(default=(), description="Each group has its own usual values.")
    where: dict[Dimension, Where] = Field(default={}, description="Only events that match count.")
    min_samples: int = Field(
        default=10, ge=1, description="Counted events the window must hold before the rule can fire."
    )
    for_: Duration | None = Field(
        default=None, alias="for", description="How long the value must stay unusual before the rule fires."
    )
    notify: tuple[Channel, ...] = Field(default=(), description="Channels to tell.")
    renotify: Duration | None = Field(
        default=None, description="How often to tell again while it lasts; once if not given."
    )
    mode: Mode = "live"

    @model_validator(mode="after")
    def _looks_at_hours(self) -> Self:
        if self.window > LONGEST_WINDOW:
            raise ValueError("an anomaly needs a window of 1d at most, such as 1h")
        refuse_percentile(METRICS[self.metric], "an anomaly")
        return self

    def judged(self) -> list[Rule]:
        """The rules by which the directions are judged, all of this rule's name."""
        both = ("up", "down") if self.anomaly.direction == "both" else (self.anomaly.direction,)
        return [self._side(direction) for direction in both]

    @property
    def window_text(self) -> str:
        """The window as it is written."""
        return window_text(self.window)

    @property
    def fires_when(self) -> str:
        """When it fires, in words."""
        beyond = {"up": "above", "down": "below", "both": "outside"}[self.anomaly.direction]
        return (
            f"{self.severity} {beyond} what is usual at this hour of the past {self.anomaly.weeks} weeks, "
            f"sensitivity {self.anomaly.sensitivity:f}"
        )

    def _side(self, direction: str) -> AnomalySide:
        comparison: Literal[">", "<"] = ">" if direction == "up" else "<"
        return AnomalySide.model_construct(
            name=self.name,
            metric=self.metric,
            window=self.window,
            when=(Limit(self.severity, comparison, self.anomaly.sensitivity),),
            group_by=self.group_by,
            where=self.where,
            min_samples=self.min_samples,
            for_=self.for_,
            notify=self.notify,
            renotify=self.renotify,
            mode=self.mode,
            weeks=self.anomaly.weeks,
            sensitivity=self.anomaly.sensitivity,
            at_least=self.anomaly.at_least,
            direction=direction,
        )
