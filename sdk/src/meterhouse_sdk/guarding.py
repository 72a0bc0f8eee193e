"""Guarding: the look before a call, what a held call means to its caller, and the event it leaves.

What belongs here: `guard` and its exceptions. What does not: what is held back and how this process knows it
(`controls.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Optional

from meterhouse_sdk import context, metering, process, trouble
from meterhouse_sdk.controls import Controls, Hold

_UNSAID = {"provider": "unknown", "model": "unknown"}
"""What an event must say, and a guard need not know."""


class CallBlocked(Exception):  # noqa: N818
    """A call was not made: raised before it reached its provider."""


class BudgetExceeded(CallBlocked):
    """A rule with `enforce: block` holds back calls like this one.

    Attributes:
        rule: Its name.
        enforce: `block`.
        group: Whose value is too high: the rule's fields and their values.
        value: The value that crossed the limit.
        limit: That limit; beyond it is `comparison`, `>` or `>=`.
        metric: What is measured, in words; `unit` is its unit, `window` over which time.
        resets_at: When the calendar period ends (UTC); None for a rolling window, which calls leave one by one.
        incident_id: The alert's id.
    """

    def __init__(self, hold: Hold) -> None:
        super().__init__(hold)
        self.rule: str = hold.rule
        self.enforce: str = hold.enforce
        self.group: Mapping[str, Optional[str]] = hold.group
        self.value: Decimal = hold.value
        self.comparison: str = hold.comparison
        self.limit: Decimal = hold.limit
        self.metric: str = hold.metric
        self.unit: str = hold.unit
        self.window: str = hold.window
        self.resets_at: Optional[datetime] = hold.resets_at
        self.incident_id: str = hold.incident_id

    def __str__(self) -> str:
        return f"The call was blocked by {self.args[0]}."


class ControlsUnknown(CallBlocked):
    """What is in force is not known, and `configure(controls="closed")` blocks calls until it is."""


def guard(**fields: Any) -> None:
    """Look whether a call may be made; before calls that no wrapped client makes. Waits for nobody.

    Args:
        fields: `provider`, `model`, `operation` and attribution of the call, over the attribution in force and the
            defaults: the more it says, the more rules can tell it apart.

    Raises:
        BudgetExceeded: a rule holds it back.
        ControlsUnknown: see there.
    """
    admit(fields, context.current())


def admit(fields: Mapping[str, Any], attribution: Mapping[str, Any]) -> None:
    """As `guard`, under a given attribution instead of the one in force."""
    blocked: Optional[CallBlocked] = None
    with trouble.kept_from_caller("checking cost controls"):
        blocked = _verdict(process.controls(), fields, attribution)
    if blocked is not None:
        raise blocked


def _verdict(
    controls: Controls, fields: Mapping[str, Any], attribution: Mapping[str, Any]
) -> Optional[CallBlocked]:
    if controls.policy == "off":
        return None
    controls.start()
    is_known = controls.are_known()
    if controls.hold_nobody() if is_known else controls.policy == "open":
        return None
    asked = context.overlaid(process.settings().defaults, attribution, fields)
    if not is_known:
        return _unknown(asked)
    holds = controls.holds(asked)
    by_action = {hold.action: hold for hold in reversed(holds)}
    if "block" in by_action:
        exceeded = BudgetExceeded(by_action["block"])
        _record(asked, "blocked", "budget_exceeded", str(exceeded), by_action["block"])
        return exceeded
    if "would_block" in by_action:
        hold = by_action["would_block"]
        _record(asked, "would_block", "budget_exceeded", f"{hold}.", hold)
    for hold in holds:
        if hold.action == "warn" and controls.is_news(hold):
            trouble.log.warning("A cost control warns: %s.", hold)
    return None


def _unknown(asked: Mapping[str, Any]) -> ControlsUnknown:
    unknown = ControlsUnknown(
        "The call was blocked: which calls are held back is not known, and controls are set to closed. "
        "See the log, METERHOUSE_URL and METERHOUSE_API_KEY."
    )
    _record(asked, "blocked", "controls_unknown", str(unknown))
    return unknown


def _record(
    asked: Mapping[str, Any], outcome: str, code: str, reason: str, hold: Optional[Hold] = None
) -> None:
    """Put the event into the queue that says so: it has no quantities, so it has no cost."""
    about = {"control_rule": hold.rule, "control_incident": hold.incident_id} if hold else {}
    said = {"event_id": None, "outcome": outcome, "error_code": code, "error_reason": reason}
    event = context.merge(asked, {**said, "metadata": about})
    metering.record({**_UNSAID, **event}, context.NOTHING)
