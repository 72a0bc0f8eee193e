"""Budgets: an amount for each calendar period and group, told of in steps and by pace.

Each step, and the pace, is judged as a rule of its own (`BudgetStep`) by the evaluator that judges all rules. What
belongs here: the shape of a budget, and how far along one is. What does not: when a step fires (`evaluate.py`) and the
words of its message (`wording.py`).
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from meterhouse.alerts.enforcing import Enforce, refuse_unenforceable
from meterhouse.alerts.metrics import DECIMAL_PLACES, scaled
from meterhouse.alerts.rule_parts import (
    STRICT,
    Channel,
    Condition,
    Dimension,
    Limit,
    Mode,
    Period,
    RuleName,
    TimeZone,
    Where,
)
from meterhouse.alerts.rules import Rule
from meterhouse.alerts.samples import period_end, period_start
from meterhouse.events.published import NAMES_IN_MART

WHOLE = 100
"""The step, in percent, at which a budget is used up, and from which on it is critical."""
HIGHEST_STEP = 1000
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,10})?")
BILLED_PREFIX = "billed "
VERSION_LENGTH = 64
TICK = timedelta(microseconds=1)
"""Resolution of times."""


def _read_amount(text: Any) -> Any:
    if isinstance(text, bool) or not _AMOUNT.fullmatch(str(text).strip()) or not Decimal(str(text)):
        raise ValueError(
            f"{text!r} is not an amount; write USD as a plain number above 0, such as 1000 or 99.50"
        )
    return Decimal(str(text).strip())


def _read_steps(steps: Any) -> Any:
    is_list = isinstance(steps, list | tuple)
    if not is_list or any(type(step) is not int or not 0 < step <= HIGHEST_STEP for step in steps):
        raise ValueError(
            f"{steps!r} are no steps; write whole percents from 1 to {HIGHEST_STEP}, such as [50, 80, 100]"
        )
    return tuple(sorted(set(steps)))


BILLED_COLUMNS = {
    "provider": "provider",
    "canonical_model": "model",
    "service_tier": "tier",
    **{
        name: name
        for name in (
            "provider_project", "credential_name", "customer", "product", "subscriber_id", "agent", "workflow",
            "task_type", "business_unit", "environment",
        )
    },
}  # fmt: skip
"""Fields by which a bill can be told apart, and the columns of `fct_attributed_costs` that hold them."""

Amount = Annotated[
    Decimal,
    BeforeValidator(_read_amount),
    PlainSerializer("{:f}".format),
    WithJsonSchema({"type": ["number", "string"], "exclusiveMinimum": 0, "examples": [1000]}),
]
Steps = Annotated[tuple[int, ...], BeforeValidator(_read_steps)]


class BudgetStep(Rule):
    """A step of a budget, or its pace, as the evaluator judges it: fires once in a period and lasts until its end."""

    budget: Amount
    percent: int | None = Field(description="None for the pace.")
    source: Literal["metered", "billed"] = "metered"

    @property
    def version(self) -> str:
        """Names all that decides when the step fires; billed ones are told apart by how it begins."""
        meaning = super().version
        return meaning if self.source == "metered" else f"{BILLED_PREFIX}{meaning}"[:VERSION_LENGTH]

    @property
    def is_latched(self) -> bool:
        """A step that was reached stays so until the period ends."""
        return True

    def period_around(self, at: datetime) -> tuple[datetime, datetime]:
        """When the period that holds a moment began, and when it ends."""
        start, end = pl.select(start=period_start(self, pl.lit(at)), end=period_end(self, pl.lit(at))).row(0)
        return start, end

    @property
    def is_paced(self) -> bool:
        """Whether it compares the projected end of the period, and not what is used."""
        return self.percent is None


class BudgetRule(BaseModel):
    """A budget: tells once in a period and group that a step of the amount is reached, or that it will not last."""

    model_config = STRICT

    name: RuleName
    budget: Amount = Field(description="USD for each period and group.")
    period: Period
    timezone: TimeZone = Field(default="UTC", description="Whose calendar the period follows.")
    group_by: tuple[Dimension, ...] = Field(default=(), description="Each group has the whole amount.")
    where: dict[Dimension, Where] = Field(default={}, description="Only events that match count.")
    source: Literal["metered", "billed"] = Field(
        default="metered",
        description="Metered: calls at list price, as they land. Billed: the provider's charges, after each build.",
    )
    steps: Steps = Field(default=(50, 80, WHOLE), description="Percents of the amount to tell of, each once.")
    pace: bool = Field(
        default=False,
        description="Also tell once when the projected end of the period exceeds the amount.",
    )
    notify: tuple[Channel, ...] = Field(default=(), description="Channels to tell.")
    mode: Mode = "live"
    enforce: Enforce | None = None

    @model_validator(mode="after")
    def _can_be_enforced(self) -> Self:
        if self.enforce is not None:
            has_critical = any(step >= WHOLE for step in self.steps)
            refuse_unenforceable(self.enforce, self.mode, (*self.group_by, *self.where), has_critical)
        return self

    @model_validator(mode="after")
    def _asks_what_a_bill_can_say(self) -> Self:
        if self.source == "billed":
            unknown = [name for name in (*self.group_by, *self.where) if name not in BILLED_COLUMNS]
            if unknown:
                raise ValueError(f"a bill does not say {unknown[0]}; it says {', '.join(BILLED_COLUMNS)}")
            if self.timezone != "UTC":
                raise ValueError("bills come in UTC days; leave timezone out, or watch source: metered")
            if self.enforce is not None:
                raise ValueError("a bill comes after its calls; enforce needs source: metered")
        return self

    @property
    def period_text(self) -> str:
        """The period in words."""
        return f"{self.period} ({self.timezone})"

    @property
    def steps_text(self) -> str:
        """When it tells, in words."""
        steps = ", ".join(f"{step} %" for step in self.steps)
        pace = [f"projected end > {self.budget:f}"] if self.pace else []
        return " and ".join([f"{steps} of {self.budget:f} USD", *pace])

    def as_json(self) -> str:
        """The budget with columns of the marts for fields, as the warehouse takes it (`macros/budgets.sql`)."""
        columns = BILLED_COLUMNS if self.source == "billed" else NAMES_IN_MART
        fields = sorted(set(self.group_by))
        return json.dumps(
            {
                "name": self.name,
                "source": self.source,
                "amount": f"{self.budget:f}",
                "period": self.period,
                "timezone": self.timezone,
                "group_by": [{"field": field, "column": columns.get(field, field)} for field in fields],
                "where": [
                    _condition(columns.get(field, field), condition)
                    for field, condition in self.where.items()
                ],
            }
        )

    def judged(self) -> list[BudgetStep]:
        """The rules by which the steps and the pace are judged, all of the budget's name."""
        steps = [self._step(percent, _reached(self.budget, percent)) for percent in self.steps]
        return [*steps, self._step(None, Limit("warning", ">", self.budget))] if self.pace else steps

    def _step(self, percent: int | None, limit: Limit) -> BudgetStep:
        return BudgetStep.model_construct(
            name=self.name,
            metric="total_cost",
            period=self.period,
            timezone=self.timezone,
            when=(limit,),
            group_by=self.group_by,
            where=self.where,
            notify=self.notify,
            mode=self.mode,
            enforce=self.enforce,
            budget=self.budget,
            percent=percent,
            source=self.source,
        )


def _condition(column: str, condition: Condition) -> dict[str, Any]:
    """A condition as SQL takes it; `likes` are patterns with `!` before what stands for itself."""
    escape = str.maketrans({sign: f"!{sign}" for sign in "!%_"})
    likes = {
        "contains": f"%{(condition.contains or '').translate(escape)}%",
        "starts_with": f"{(condition.starts_with or '').translate(escape)}%",
        "ends_with": f"%{(condition.ends_with or '').translate(escape)}",
    }
    return {
        "column": column,
        "is": condition.is_,
        "is_not": condition.is_not,
        "in": condition.in_,
        "likes": [pattern for name, pattern in likes.items() if getattr(condition, name) is not None],
    }


def _reached(amount: Decimal, percent: int) -> Limit:
    limit = Decimal(f"{(amount * percent / WHOLE).normalize():f}")
    return Limit("critical" if percent >= WHOLE else "warning", ">=", limit)


@dataclass(frozen=True)
class Progress:
    """How far along a budget is at one moment of a period; amounts are USD."""

    amount: Decimal
    used: Decimal
    start: datetime
    end: datetime
    at: datetime

    @property
    def percent_used(self) -> Decimal:
        """Percent of the amount that is used."""
        return self.used * WHOLE / self.amount

    @property
    def percent_gone(self) -> Decimal:
        """Percent of the period that has gone."""
        return Decimal((self.at - self.start) // TICK) * WHOLE / Decimal((self.end - self.start) // TICK)

    @property
    def expected(self) -> Decimal:
        """What would be used by now if the amount were used evenly."""
        return self.amount * self.percent_gone / WHOLE

    @property
    def projected(self) -> Decimal | None:
        """What will be used at the end: used, by the share of the period that has gone; None at its start."""
        return self.used * WHOLE / self.percent_gone if self.percent_gone else None


def projection(used: Decimal, gone: int, whole: int) -> Decimal:
    """What will be used when the whole has gone, at the pace so far, rounded down to 1e-12."""
    return Decimal(scaled(used) * whole // gone).scaleb(-DECIMAL_PLACES)


def progress(step: BudgetStep, value: Decimal, at: datetime) -> Progress:
    """How far along a budget was when a step, or its pace, had a value.

    Args:
        step: The step.
        value: What was used, or what is projected where `step.is_paced`, rounded down to 1e-12 by the evaluator.
        at: The time of the value.
    """
    start, end = step.period_around(at)
    used = value
    if step.is_paced:
        # As no more has gone than the whole, rounding up gives back exactly what was used.
        gone, whole = (at - start) // TICK, (end - start) // TICK
        used = Decimal(-(-scaled(value) * gone // whole)).scaleb(-DECIMAL_PLACES)
    return Progress(step.budget, used, start, end, at)
