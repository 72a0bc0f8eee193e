"""A provider's own usage object as an event's quantities, whoever recorded it.

What belongs here: which shape a provider's usage has, and what beside quantities it says. What does not: the split
itself, which is the SDK's (`meterhouse_sdk.usage`), so that a quote and a metered call never differ.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from meterhouse_sdk import usage as shapes

from meterhouse.events.dialects.foreign import UndecidableError, tier_of

Reader = Callable[[Mapping[str, Any]], dict[str, Any]]


def _google(usage: Mapping[str, Any]) -> dict[str, Any]:
    return shapes.google_quantities(_snake_case(usage))


DIALECTS: dict[str, Reader] = {
    "openai": shapes.openai_quantities,
    "openai_image": shapes.openai_image_quantities,
    "openai_transcript": shapes.openai_transcript_quantities,
    "openai_speech": shapes.openai_speech_quantities,
    "anthropic": shapes.anthropic_quantities,
    "google": _google,
    "bedrock": shapes.bedrock_quantities,
    "litellm": shapes.litellm_quantities,
    "langchain": shapes.langchain_quantities,
}
"""What reads a usage object of each shape."""

_OWN_DIALECT = {"anthropic": "anthropic", "google": "google", "aws_bedrock": "bedrock", "litellm": "litellm"}
_ON_DEMAND = {"on_demand", "traffic_type_unspecified"}


def fields_of_usage(
    usage: Mapping[str, Any], provider: str | None, dialect: str | None = None
) -> dict[str, Any]:
    """Fields of an event that a usage object says: quantities, the tier served, the geography.

    Args:
        usage: The provider's own object, as it came.
        provider: Short name of the provider.
        dialect: One of `DIALECTS`; told by the provider and the object's names when None.

    Raises:
        UndecidableError: It cannot be split without guessing, or no such dialect is known.
    """
    name = dialect or dialect_of(usage, provider)
    if name not in DIALECTS:
        raise UndecidableError(f"the dialect {name!r} is unknown; write one of {', '.join(DIALECTS)}")
    try:
        quantities = DIALECTS[name](usage)
    except shapes.UndecidableError as error:
        raise UndecidableError(f"the usage cannot be split: {error}") from None
    return quantities | {field: said for field, said in _beside(usage).items() if said is not None}


def dialect_of(usage: Mapping[str, Any], provider: str | None) -> str:
    """The dialect of an object: by names that only one shape has, else the provider's own."""
    if "promptTokenCount" in usage or "prompt_token_count" in usage:
        return "google"
    if "inputTokens" in usage:
        return "bedrock"
    if "prompt_tokens" in usage:
        return "litellm" if provider == "litellm" else "openai"
    if "cache_read_input_tokens" in usage or "cache_creation" in usage or "server_tool_use" in usage:
        return "anthropic"
    own = _OWN_DIALECT.get(provider or "", "openai")
    return "anthropic" if own in ("bedrock", "google") and "input_tokens" in usage else own


def _beside(usage: Mapping[str, Any]) -> dict[str, Any]:
    traffic = str(usage.get("trafficType") or usage.get("traffic_type") or "").lower()
    tier = usage.get("service_tier") or traffic.removeprefix("on_demand_")
    geography = usage.get("inference_geo")
    return {
        "service_tier": None if not tier or tier in _ON_DEMAND else tier_of(tier),
        "region": geography if geography not in ("not_available", "global", "") else None,
    }


def _snake_case(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            re.sub(r"(?<=[a-z])([A-Z])", r"_\1", key).lower(): _snake_case(one) for key, one in value.items()
        }
    return [_snake_case(one) for one in value] if isinstance(value, list) else value
