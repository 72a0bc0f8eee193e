"""Enforcing: what `enforce` in a rule may say, and when a rule is one that can hold calls back.

What belongs here: that check, for every kind of rule. What does not: which calls are held back now (`controls.py`).
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

KNOWN_BEFORE_CALL = (
    "provider", "model", "operation", "customer", "product", "subscriber_id", "subscriber_email", "subscription_id",
    "credential_name", "agent", "agent_version", "task_type", "workflow", "business_unit", "environment", "trace_id",
    "trace_name", "connection", "provider_project", "provider_key",
)  # fmt: skip
"""Those of `metrics.DIMENSIONS` that a program knows before it makes a call: what controls can tell calls apart by."""

Enforce = Annotated[
    Literal["block", "warn", "shadow"],
    Field(
        description="Cost control: what the SDK does before a call of a group that is beyond a limit; block and warn "
        "hold it back or log it, shadow records that it would have been blocked."
    ),
]


def refuse_unenforceable(enforce: str, mode: str, fields: Iterable[str], has_critical: bool) -> None:
    """Check what every rule with `enforce` must be like.

    Args:
        enforce: What it says.
        mode: The rule's mode.
        fields: What it groups by and filters on.
        has_critical: Whether it has a limit that is critical.

    Raises:
        ValueError: It is not like that; one sentence says why.
    """
    unknown = sorted(set(fields).difference(KNOWN_BEFORE_CALL))
    if unknown:
        raise ValueError(
            f"enforce needs what is known before a call, which {' and '.join(unknown)} is not; "
            f"group by and filter on {', '.join(KNOWN_BEFORE_CALL)}"
        )
    if enforce != "warn" and not has_critical:
        raise ValueError(f"enforce: {enforce} needs a critical limit; beyond a warning nothing is blocked")
    if mode == "shadow" and enforce != "shadow":
        raise ValueError("a rule in shadow mode tells nobody, so it holds nobody back; write enforce: shadow")
