"""The dialect of LiteLLM's standard logging payload, as its generic callback posts it: one, or a list.

What belongs here: what each field means to an event (contract openai-anthropic-litellm-openrouter §3). LiteLLM folds
cache reads and writes into `prompt_tokens` for every provider; its own cache answers without a call, so a cache hit has
no quantities. Messages, responses and headers are left behind: they are prompts, or say nothing of the call.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from meterhouse.events.dialects.foreign import (
    ATTRIBUTION,
    NativeEvent,
    UndecidableError,
    count_of,
    decimal_of,
    events_of,
    provider_of,
    tier_of,
    time_of,
)

LEFT_BEHIND = (
    *("messages", "response", "model_parameters", "hidden_params", "proxy_server_request", "cache_key"),
    *("model_map_information", "error_str", "requester_ip_address", "standard_built_in_tools_params"),
    *("guardrail_information", "response_cost_failure_debug_info", "api_key", "cost_breakdown", "metadata"),
    *("error_information", "user_agent", "request_tags", "total_tokens", "response_time", "stream", "user"),
)
"""Fields of a payload that go into no event, besides those that are read."""

_READ = (
    *(
        "id",
        "request_id",
        "litellm_call_id",
        "trace_id",
        "session_id",
        "call_type",
        "status",
        "startTime",
        "endTime",
    ),
    *(
        "completionStartTime",
        "model",
        "model_group",
        "custom_llm_provider",
        "prompt_tokens",
        "completion_tokens",
    ),
    *("response_cost", "spend", "end_user", "cache_hit", "request_duration_ms"),
)
_OPERATIONS = {"embedding": "embed", "image": "image", "transcription": "audio", "speech": "audio"}
_OPERATIONS |= {"moderation": "moderation", "rerank": "rerank", "video": "video"}


def events(document: Any) -> Iterator[Any]:
    """The events of one payload or a list of payloads."""
    return events_of(document, _event)


def _event(payload: dict[str, Any]) -> NativeEvent:
    metadata = _map(payload.get("metadata"))
    provider = payload.get("custom_llm_provider") or _map(payload.get("hidden_params")).get(
        "custom_llm_provider"
    )
    model = str(payload.get("model") or "")
    is_cache_hit = str(payload.get("cache_hit")).lower() == "true"
    is_ok = payload.get("status") != "failure"
    if not provider and "/" in model:
        provider = model.partition("/")[0]
    error = _map(payload.get("error_information") or metadata.get("error_information"))
    response_id = payload.get("id") or payload.get("request_id")
    said = {**_map(metadata.get("spend_logs_metadata")), **_map(metadata.get("requester_metadata"))}
    return {
        "event_id": payload.get("litellm_call_id") or metadata.get("litellm_call_id") or response_id,
        "provider_request_id": response_id if is_ok and not is_cache_hit else None,
        "source": "litellm",
        "provider": provider_of(provider) or "unknown",
        "model": model.removeprefix(f"{provider}/") if provider else model,
        "operation": _operation(payload.get("call_type")),
        "started_at": time_of(payload.get("startTime")),
        "first_token_at": _first_token_at(payload),
        "ended_at": time_of(payload.get("endTime")),
        "duration_ms": payload.get("request_duration_ms"),
        "is_streamed": payload.get("stream"),
        "service_tier": tier_of(
            _map(payload.get("cost_breakdown") or metadata.get("cost_breakdown")).get("service_tier")
        ),
        "outcome": "ok" if is_ok else "error",
        "error_code": error.get("error_code"),
        "error_reason": error.get("error_message"),
        **({} if is_cache_hit else _quantities(payload, metadata, is_ok)),
        "client_cost_usd": 0 if is_cache_hit else _cost(payload, is_ok),
        "trace_id": payload.get("trace_id") or payload.get("session_id"),
        "customer": payload.get("end_user"),
        "subscriber_id": metadata.get("user_api_key_user_id") or payload.get("user"),
        "credential_name": metadata.get("user_api_key_alias"),
        "business_unit": metadata.get("user_api_key_team_alias"),
        **{name: said[name] for name in ATTRIBUTION if said.get(name)},
        "metadata": _kept(payload, said) | {"litellm_cache_hit": True if is_cache_hit else None},
    }


def _quantities(payload: dict[str, Any], metadata: Mapping[str, Any], is_ok: bool) -> NativeEvent:
    """Disjoint quantities; none for a call that failed without any."""
    response = _map(payload.get("response"))
    usage = _map(metadata.get("usage_object")) or _map(response.get("usage"))
    total_input = count_of(usage.get("prompt_tokens", payload.get("prompt_tokens")))
    total_output = count_of(usage.get("completion_tokens", payload.get("completion_tokens")))
    if not is_ok and not total_input and not total_output:
        return {}
    into, outof = _map(usage.get("prompt_tokens_details")), _map(usage.get("completion_tokens_details"))
    cache_read = count_of(into.get("cached_tokens", usage.get("cache_read_input_tokens")))
    written = count_of(into.get("cache_creation_tokens", usage.get("cache_creation_input_tokens")))
    by_lifetime = _map(into.get("cache_creation_token_details") or usage.get("cache_creation"))
    written_1h = count_of(by_lifetime.get("ephemeral_1h_input_tokens"))
    audio_in, image_in = count_of(into.get("audio_tokens")), count_of(into.get("image_tokens"))
    audio_out, image_out = count_of(outof.get("audio_tokens")), count_of(outof.get("image_tokens"))
    return {
        "input_tokens": _rest(total_input, cache_read, written, audio_in, image_in),
        "cache_read_tokens": cache_read,
        "cache_write_5m_tokens": _rest(written, written_1h),
        "cache_write_1h_tokens": written_1h,
        "output_tokens": _rest(total_output, audio_out, image_out),
        "audio_input_tokens": audio_in,
        "audio_output_tokens": audio_out,
        "image_input_tokens": image_in,
        "image_output_tokens": image_out,
        "reasoning_tokens": count_of(outof.get("reasoning_tokens")),
        "web_searches": count_of(_map(usage.get("server_tool_use")).get("web_search_requests")),
        "usage_raw": usage or None,
    }


def _rest(whole: int | None, *parts: int | None) -> int | None:
    if whole is None:
        return None
    rest = whole - sum(part or 0 for part in parts)
    if rest < 0:
        raise UndecidableError(
            "parts of the usage are larger than their whole; send the provider's own usage object"
        )
    return rest


def _cost(payload: dict[str, Any], is_ok: bool) -> Any:
    """What LiteLLM estimated; its 0 for tokens it has no price for says nothing."""
    cost = decimal_of(payload.get("response_cost", payload.get("spend")))
    return cost or None if is_ok else None


def _operation(call_type: Any) -> str:
    name = str(call_type or "").removeprefix("litellm.")
    return next((ours for word, ours in _OPERATIONS.items() if word in name), "chat" if name else "other")


def _first_token_at(payload: dict[str, Any]) -> Any:
    """Said for every call; the time of the first token for a stream, which alone makes it earlier than the end."""
    at = payload.get("completionStartTime")
    return time_of(at) if at and at != payload.get("endTime") else None


def _kept(payload: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    unknown = {name: value for name, value in payload.items() if name not in (*LEFT_BEHIND, *_READ)}
    tags = payload.get("request_tags")
    if isinstance(tags, list):
        unknown["request_tags"] = [tag for tag in tags if not str(tag).startswith("User-Agent:")]
    own = {name: value for name, value in said.items() if name not in ATTRIBUTION}
    return {**unknown, **own, "litellm_model_group": payload.get("model_group")}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
