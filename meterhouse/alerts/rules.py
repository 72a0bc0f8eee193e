"""Alert rules: what a rule is, and when one is well formed.

What belongs here: the shape of a rule and its meaning. What does not: reading the file and naming lines
(`rules_file.py`), or judging (`evaluate.py`).
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from meterhouse.alerts.delivery.channels import CHANNELS
from meterhouse.alerts.enforcing import Enforce, refuse_unenforceable
from meterhouse.alerts.metrics import DIMENSIONS, METRICS, scaled

MAX_WINDOW = timedelta(days=31)
PERIODS = {
    "day": timedelta(hours=25),
    "week": timedelta(days=7, hours=1),
    "month": timedelta(days=31, hours=1),
    "quarter": timedelta(days=92, hours=1),
}
"""Calendar periods, and how long each can last, also when the clocks are put back in it."""
MAX_REACH = max(MAX_WINDOW, *PERIODS.values())
_HIGHEST_LIMIT = Decimal("1e15")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WINDOW = re.compile(r"([0-9]{1,9}) ?([smhd])")
_LIMIT = re.compile(r"(>=|<=|>|<) ?(-?[0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True)
class Limit:
    """Fires while the metric's value stands in `comparison` to `value`; each limit of a rule has its own incidents."""

    severity: str
    comparison: Literal[">", ">=", "<", "<="]
    value: Decimal

    def __str__(self) -> str:
        return f"{self.comparison} {self.value}"


def _one_of(what: str, choices: tuple[str, ...]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name in choices:
            return name
        near = get_close_matches(name, choices, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(choices)}"
        raise ValueError(f"{name!r} is not a {what}; {hint}")

    return check


def _read_duration(what: str, text: Any) -> Any:
    if isinstance(text, timedelta):
        return text
    match = _WINDOW.fullmatch(str(text).strip())
    window = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < window <= MAX_WINDOW:
        raise ValueError(
            f"{text!r} is not a {what}; write a whole number and s, m, h or d, at most 31d, such as 90s, 15m, 1h or 7d"
        )
    return window


def _window_text(window: timedelta) -> str:
    """A window as it is written in a rule: `1h`, `90s`."""
    seconds = int(window.total_seconds())
    size, unit = next(
        (size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")) if seconds % size == 0
    )
    return f"{seconds // size}{unit}"


def _read_limit(severity: str, text: Any) -> Limit:
    match = _LIMIT.fullmatch(str(text).strip())
    if not match:
        raise ValueError(
            f'{text!r} is not a limit; write >, >=, < or <= and a plain number in quotes, such as "> 1.25"'
        )
    value = Decimal(match[2])
    if abs(value) > _HIGHEST_LIMIT:
        raise ValueError(f"the limit {value} is beyond {_HIGHEST_LIMIT:f}")
    scaled(value)
    return Limit(severity, match[1], value)  # type: ignore[arg-type]


def _read_limits(when: Any) -> Any:
    if not isinstance(when, dict):
        return (_read_limit("critical", when),)
    unknown = sorted(set(map(str, when)) - {"warning", "critical"})
    if unknown or not when:
        raise ValueError(
            f"{', '.join(unknown) or 'nothing'} is not a severity; write a limit for warning, for critical, or for both"
        )
    return tuple(
        _read_limit(severity, when[severity]) for severity in ("warning", "critical") if severity in when
    )


_LIMIT_SCHEMA = {
    "type": "string",
    "pattern": r"^\s*(>=|<=|>|<) ?-?[0-9]+(\.[0-9]+)?\s*$",
    "examples": ["> 1.25"],
}
_WHEN_SCHEMA = {
    "anyOf": [
        _LIMIT_SCHEMA,
        {
            "type": "object",
            "properties": {"warning": _LIMIT_SCHEMA, "critical": _LIMIT_SCHEMA},
            "minProperties": 1,
            "additionalProperties": False,
        },
    ]
}


def _choice(what: str, choices: tuple[str, ...]) -> tuple[AfterValidator, WithJsonSchema]:
    return AfterValidator(_one_of(what, choices)), WithJsonSchema({"type": "string", "enum": list(choices)})


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is not a time zone; write an IANA name such as Europe/Berlin") from None
    return name


Dimension = Annotated[str, *_choice("field of an event that rules can use", DIMENSIONS)]
MetricName = Annotated[str, *_choice("metric", tuple(METRICS))]
Channel = Annotated[str, *_choice("channel", tuple(CHANNELS))]
_DURATION_FORMS = (
    PlainSerializer(_window_text),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9} ?[smhd]$", "examples": ["1h", "15m"]}),
)
Window = Annotated[timedelta, BeforeValidator(partial(_read_duration, "window")), *_DURATION_FORMS]
Duration = Annotated[timedelta, BeforeValidator(partial(_read_duration, "duration")), *_DURATION_FORMS]
Period = Annotated[str, *_choice("period", tuple(PERIODS))]
TimeZone = Annotated[str, AfterValidator(_known_time_zone)]
When = Annotated[tuple[Limit, ...], BeforeValidator(_read_limits), WithJsonSchema(_WHEN_SCHEMA)]

STRICT = ConfigDict(extra="forbid", frozen=True)


class Condition(BaseModel):
    """What one field of an event must be; all that is given must hold, and upper and lower case differ."""

    model_config = STRICT

    is_: str | None = Field(default=None, alias="is")
    is_not: str | None = Field(
        default=None, description="An event without the field is not this either, so it matches."
    )
    in_: tuple[str, ...] | None = Field(default=None, alias="in", min_length=1)
    contains: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None


def _read_condition(condition: Any) -> Any:
    if isinstance(condition, str):
        return {"is": condition}
    if isinstance(condition, dict) and condition:
        return condition
    raise ValueError(
        f"{condition!r} is not a condition; write a text (in quotes if it looks like a number, date or yes/no), "
        "or {is: …}, {in: […]}, {starts_with: …}"
    )


Where = Annotated[
    Condition,
    BeforeValidator(_read_condition, json_schema_input_type=str | Condition),
]


HEALTH_CHECKS = {
    "connection_stale": "a connection that is not paused is Disconnected",
    "rejected_lines": "lines that came within a day are no events",
    "marts_behind": "loaded events are in no published mart for an hour",
    "run_failed": "the newest run of a job failed",
    "coverage_drop": "metered calls explain less of a connection's bill than before",
    "billed_without_metered": "a model is billed of which no call is metered",
    "metered_ahead": "more is metered on a connection than is billed",
}
RuleName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Unique; letters, digits, dots, dashes."),
]
Mode = Annotated[
    Literal["live", "shadow"], Field(description="Shadow: incidents are recorded, nobody is told.")
]


class HealthRule(BaseModel):
    """A rule on the pipeline itself: fires for each thing that is not well, until it is."""

    model_config = STRICT
    VERSION_PREFIX: ClassVar[str] = "health "

    name: RuleName
    health: Annotated[str, *_choice("check of the pipeline's health", tuple(HEALTH_CHECKS))]
    severity: Literal["warning", "critical"] = "critical"
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
            return _window_text(self.window)
        return f"{self.period} ({self.timezone})"

    @property
    def reach(self) -> timedelta:
        """How long an event can count."""
        return self.window if self.window is not None else PERIODS[str(self.period)]

    @cached_property
    def version(self) -> str:
        """Fingerprint of all that decides when the rule fires; whom it tells and holds back is no part of it."""
        meaning = self.model_dump(
            mode="json", exclude={"notify", "renotify", "mode", "enforce"}, exclude_defaults=True
        )
        meaning["group_by"] = sorted(self.group_by)
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
