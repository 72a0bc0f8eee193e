"""Metering: from the fields of one call to an event in the queue.

What belongs here: `meter`, `outcome`, and what hooks meter by. What does not: how a provider's answer becomes fields
(`calls.py` and the modules per provider), and what this process meters with (`process.py`).
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Optional, Union

from meterhouse_sdk import context, process, trouble
from meterhouse_sdk.fields import OUTCOME_KINDS, PROMPT_FIELDS, SCHEMA_VERSION, clean
from meterhouse_sdk.ids import uuid7
from meterhouse_sdk.prompts import fit_to_leave


def meter(**fields: Any) -> str:
    """Meter one call: put its event into the queue and return its id. Never raises, never waits.

    Args:
        fields: Fields of the event (see `fields.FIELD_KINDS`), over the attribution in force and the
            defaults. `provider` and, but for `operation="tool"`, `model` are needed; `event_id` and
            `started_at` (now) are made when missing. Names that are no field are kept under metadata.
            `system_prompt`, `input_messages` and `output_text` are taken where capturing is on, as by
            `capture_prompts=True`.

    Returns:
        The event id, a UUIDv7 unless given.
    """
    return record(fields, context.current())


def record(fields: Mapping[str, Any], attribution: Mapping[str, Any]) -> str:
    """As `meter`, under a given attribution instead of the one in force."""
    event_id = str(fields.get("event_id") or uuid7())
    with trouble.kept_from_caller("metering an event"):
        now = datetime.now(timezone.utc)
        made = {"started_at": now, "source": "sdk", "schema_version": SCHEMA_VERSION}
        given = {**made, **context.overlaid(process.settings().defaults, attribution, fields)}
        prompts = {name: given.pop(name) for name in PROMPT_FIELDS if name in given}
        wish = given.pop(context.CAPTURE, None)
        given["event_id"] = event_id
        event = clean(given)
        if prompts:
            event.update(_captured(prompts, wish, event))
        process.sender().put(event)
    return event_id


def outcome(
    trace_id: str,
    name: str,
    *,
    is_success: Optional[bool] = None,
    value_usd: Union[Decimal, str, int, float, None] = None,
    at: Optional[datetime] = None,
    **fields: Any,
) -> str:
    """Record what a workflow run achieved, so that cost meets return. Never raises, never waits.

    Args:
        trace_id: The trace its calls carry, as by `attribute(trace_id=...)`.
        name: What was achieved, as `ticket_resolved`.
        is_success: Whether it was; None when not known.
        value_usd: What it is worth in USD, best as a Decimal or a text; None when not known.
        at: When, by default now.
        fields: `outcome_id`, `customer`, `product`, `agent`, `workflow`, `business_unit`, `environment`, over
            the attribution in force and the defaults; other names are kept under metadata.

    Returns:
        The outcome id, a UUIDv7 unless given; the same id counts once.
    """
    outcome_id = str(fields.get("outcome_id") or uuid7())
    with trouble.kept_from_caller("recording an outcome"):
        said = {"name": name, "is_success": is_success, "value_usd": value_usd}
        about = context.merge(process.settings().defaults, context.current())
        attribution = {key: value for key, value in about.items() if key in OUTCOME_KINDS}
        made = {"at": at or datetime.now(timezone.utc), "source": "sdk", "schema_version": SCHEMA_VERSION}
        given = context.merge(attribution, {**fields, **said, "trace_id": trace_id})
        process.sender().put(clean({**made, **given, "outcome_id": outcome_id}, OUTCOME_KINDS))
    return outcome_id


def may_capture(attribution: Mapping[str, Any]) -> bool:
    """Whether prompts of a call under this attribution may be wanted; the rule decides when it is over."""
    wish = attribution.get(context.CAPTURE)
    return bool(process.settings().capture_prompts if wish is None else wish)


def _captured(prompts: Mapping[str, Any], wish: Optional[bool], event: Mapping[str, Any]) -> dict[str, Any]:
    """The prompts as they may leave this process; none where capturing is off, or where a hook fails."""
    config = process.settings()
    rule = config.capture_prompts if wish is None else wish
    if not rule:
        if wish is None:
            trouble.note("uncaptured", "meter", "Prompts given to meter() are left behind: capturing is off.")
        return {}
    with trouble.kept_from_caller("capturing prompts, which are left behind,"):
        if not callable(rule) or rule(event):
            return fit_to_leave(prompts, config.redact, config.max_prompt_characters)
    return {}


def record_call(door: str, fields: Mapping[str, Any], attribution: Mapping[str, Any]) -> None:
    """As `record`, unless a hook of another kind has metered this very answer already.

    A framework's callback and a wrapped client inside it see the same call; its answer's id tells.

    Args:
        door: The kind of hook: client, litellm, langchain.
        fields: Fields of the event.
        attribution: The attribution it was sent under.
    """
    answer_id = fields.get("provider_request_id")
    if answer_id is not None:
        seen_by = process.answers().get(answer_id)
        if seen_by is not None and seen_by != door:
            trouble.count("doubled")
            return
        process.answers().put(answer_id, door)
    record(fields, attribution)
