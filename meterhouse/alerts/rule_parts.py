"""What rules are made of: windows, periods, limits, conditions and names, each read with one sentence per fault.

What belongs here: those types, for every kind of rule. What does not: the rules (`rules.py`, `budgets.py`,
`anomalies.py`), and reading the file and naming lines (`rules_file.py`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from meterhouse.alerts.delivery.channels import CHANNELS
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


def window_text(window: timedelta) -> str:
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


def choice(what: str, choices: tuple[str, ...]) -> tuple[AfterValidator, WithJsonSchema]:
    """What makes a text one of some choices, with the nearest in the fault, and all in the schema."""
    return AfterValidator(_one_of(what, choices)), WithJsonSchema({"type": "string", "enum": list(choices)})


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is not a time zone; write an IANA name such as Europe/Berlin") from None
    return name


Dimension = Annotated[str, *choice("field of an event that rules can use", DIMENSIONS)]
MetricName = Annotated[str, *choice("metric", tuple(METRICS))]
Channel = Annotated[str, *choice("channel", tuple(CHANNELS))]
_DURATION_FORMS = (
    PlainSerializer(window_text),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9} ?[smhd]$", "examples": ["1h", "15m"]}),
)
Window = Annotated[timedelta, BeforeValidator(partial(_read_duration, "window")), *_DURATION_FORMS]
Duration = Annotated[timedelta, BeforeValidator(partial(_read_duration, "duration")), *_DURATION_FORMS]
Period = Annotated[str, *choice("period", tuple(PERIODS))]
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


RuleName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Unique; letters, digits, dots, dashes."),
]
Mode = Annotated[
    Literal["live", "shadow"], Field(description="Shadow: incidents are recorded, nobody is told.")
]
Severity = Literal["warning", "critical"]
