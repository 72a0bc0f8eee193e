"""The event's fields as the SDK writes them, and how a Python value becomes their text.

What belongs here: names, kinds and conversion. What does not: where values come from (`calls.py`,
`context.py`) and how they travel (`delivery.py`). A value that fits no kind is written as it is: the reader
of the files keeps it and says what is wrong with it, which is better than losing the call here.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Optional, Union
from uuid import UUID

from meterhouse_sdk import trouble

SCHEMA_VERSION = "1"

ATTRIBUTION_FIELDS = (
    "connection",
    "provider_project",
    "provider_key",
    "customer",
    "product",
    "subscriber_id",
    "subscriber_email",
    "subscription_id",
    "credential_name",
    "agent",
    "agent_version",
    "task_type",
    "workflow",
    "business_unit",
    "environment",
    "trace_id",
    "trace_name",
    "span_id",
    "parent_event_id",
)
"""Fields that say who and what a call is for: what `attribute()` and the environment may set."""

TOKEN_FIELDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "video_input_tokens",
)
"""Disjoint token quantities: their sum is the provider's own total."""

PROMPT_FIELDS = ("system_prompt", "input_messages", "output_text", "prompts_truncated")
"""What travels with an event where capturing is on, and is kept apart from it at its destination."""

FIELD_KINDS: dict[str, str] = {
    **dict.fromkeys(("event_id", "provider_request_id", "source", "schema_version"), "text"),
    **dict.fromkeys(("received_at", "started_at", "first_token_at", "ended_at"), "timestamp"),
    **dict.fromkeys(("duration_ms", "time_to_first_token_ms", "retry_number"), "count"),
    **dict.fromkeys(("provider", "model", "response_model", "operation", "service_tier", "region"), "text"),
    **dict.fromkeys(("stop_reason", "outcome", "error_code", "error_reason"), "text"),
    **dict.fromkeys(("is_streamed", "is_batch"), "flag"),
    **dict.fromkeys(TOKEN_FIELDS, "count"),
    **dict.fromkeys(("images", "characters", "web_searches", "tool_calls", "reasoning_tokens"), "count"),
    **dict.fromkeys(("audio_seconds", "video_seconds"), "quantity"),
    **dict.fromkeys(ATTRIBUTION_FIELDS, "text"),
    "usage_raw": "json",
    "metadata": "json",
    "client_cost_usd": "money",
    "quality_score": "ratio",
}
"""Every field of an event and its kind."""

OUTCOME_KINDS: dict[str, str] = {
    **dict.fromkeys(("outcome_id", "trace_id", "name", "source", "schema_version"), "text"),
    **dict.fromkeys(("customer", "product", "agent", "workflow", "business_unit", "environment"), "text"),
    **dict.fromkeys(("at", "received_at"), "timestamp"),
    "is_success": "flag",
    "value_usd": "money",
    "metadata": "json",
}
"""Every field of an outcome and its kind."""

Json = Union[str, int, float, bool]

json_text = json.JSONEncoder(default=str).encode
"""JSON of a value, with what JSON does not know as text."""


def clean(fields: Mapping[str, Any], kinds: Mapping[str, str] = FIELD_KINDS) -> dict[str, Json]:
    """The event, or another record, as written: fields of these kinds converted, others under `metadata`, no nulls.

    Times become RFC 3339 in UTC with microseconds (a naive time is local time, as everywhere in Python),
    decimals plain text, `usage_raw` and `metadata` JSON text.
    """
    metadata: dict[str, Any] = {}
    event: dict[str, Json] = {}
    for name, value in fields.items():
        if value is None:
            continue
        kind = kinds.get(name)
        if type(value) is str and kind is not None:
            event[name] = _text(value)
        elif kind is None:
            trouble.note("unknown_fields", name, f"{name!r} is no field of an event: kept under metadata.")
            metadata[name] = value
        elif name == "metadata" and isinstance(value, Mapping):
            metadata.update(value)
        else:
            event[name] = _convert(kind, value)
    if metadata:
        event["metadata"] = json.dumps(
            {str(key): _flat(value) for key, value in metadata.items() if value is not None}
        )
    return event


def text_of(name: str, value: Any) -> Optional[str]:
    """A text field as the warehouse will know it: blank is none, a provider's name is in lower case."""
    if value is None:
        return None
    text = _text(value) if type(value) is str else str(_convert("text", value))
    return (text.strip().lower() if name == "provider" else text) or None


def _convert(kind: str, value: Any) -> Json:
    if isinstance(value, Enum):
        value = value.value
    if kind in ("count", "flag") and isinstance(value, int) and value.bit_length() < 64:
        return value
    if isinstance(value, str):
        return _text(value)
    if kind == "timestamp" and isinstance(value, datetime):
        moment = value if value.tzinfo is timezone.utc else value.astimezone(timezone.utc)
        return moment.isoformat(timespec="microseconds")
    if kind == "json":
        return json_text(value)
    return _plain_number(value) if isinstance(value, (float, Decimal)) else _text(str(value))


def _flat(value: Any) -> Json:
    if type(value) is str:
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (Mapping, list, tuple)):
        return json_text(value)
    if isinstance(value, (str, Enum, datetime, Decimal, UUID)):
        return _convert("timestamp" if isinstance(value, datetime) else "text", value)
    return _text(str(value))


def _plain_number(value: Union[float, Decimal]) -> str:
    number = Decimal(str(value))
    return format(number, "f") if number.is_finite() else str(number)


def _text(value: str) -> str:
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
