"""The dialect of Revenium's metering API: completions, images, audio, video, tool events and plain events.

What belongs here: what each camelCase field means to an event (contract revenium-and-peers §2). `inputTokenCount` is
with cached tokens for most providers and without for Anthropic and Bedrock (§2.6); `cacheCreation5mTokenCount` and
`…1h…` are parts of `cacheCreationTokenCount`; reasoning is inside the output unless the total says otherwise. Key
values (`subscriber.credential.value`, `subscriberCredential`) are never kept.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from meterhouse.events.dialects.foreign import (
    NativeEvent,
    UndecidableError,
    count_of,
    decimal_of,
    events_of,
    provider_of,
    tier_of,
    time_of,
)

KINDS = ("completion", "image", "audio", "video", "tool", "event")

_WITHOUT_CACHE = ("anthropic", "aws_bedrock")
_COPIED = {
    "transactionId": "event_id",
    "model": "model",
    "requestDuration": "duration_ms",
    "durationMs": "duration_ms",
    "timeToFirstToken": "time_to_first_token_ms",
    "stopReason": "stop_reason",
    "isStreamed": "is_streamed",
    "region": "region",
    "environment": "environment",
    "errorCode": "error_code",
    "errorReason": "error_reason",
    "errorMessage": "error_reason",
    "retryNumber": "retry_number",
    "subscriptionId": "subscription_id",
    "agent": "agent",
    "agentVersion": "agent_version",
    "taskType": "task_type",
    "traceId": "trace_id",
    "traceName": "trace_name",
    "parentTransactionId": "parent_event_id",
    "systemPrompt": "system_prompt",
    "inputMessages": "input_messages",
    "outputResponse": "output_text",
    "promptsTruncated": "prompts_truncated",
}
_READ = (
    *(
        "provider",
        "modelHost",
        "requestTime",
        "timestamp",
        "completionStartTime",
        "responseTime",
        "operationType",
    ),
    *("inputTokenCount", "outputTokenCount", "totalTokenCount", "reasoningTokenCount", "cacheReadTokenCount"),
    *(
        "cacheCreationTokenCount",
        "cacheCreation5mTokenCount",
        "cacheCreation1hTokenCount",
        "inputAudioTokenCount",
    ),
    *(
        "outputAudioTokenCount",
        "actualImageCount",
        "characterCount",
        "durationSeconds",
        "totalCost",
        "costUsd",
    ),
    *("inputTokenCost", "outputTokenCost", "cacheCreationTokenCost", "cacheReadTokenCost", "pricingTier"),
    *("actualServiceTier", "organizationName", "organizationId", "productName", "productId", "subscriber"),
    *(
        "subscriberCredential",
        "credentialAlias",
        "agenticJobName",
        "workflowId",
        "toolId",
        "success",
        "usageMetadata",
    ),
    *("responseQualityScore", "costType"),
)
_OPERATIONS = {
    **dict.fromkeys(
        ("CHAT", "GENERATE", "CLASSIFY", "SUMMARIZE", "TRANSLATE", "TRANSFORM", "VISION"), "chat"
    ),
    **dict.fromkeys(("TOOL_CALL", "SEARCH", "GUARDRAIL", "OTHER"), "other"),
    "EMBED": "embed",
    "RERANK": "rerank",
    "MODERATION": "moderation",
    "AUDIO": "audio",
    "VIDEO": "video",
    "IMAGE": "image",
}
_OF_KIND = {
    "completion": "chat",
    "image": "image",
    "audio": "audio",
    "video": "video",
    "tool": "tool",
    "event": "tool",
}
_FAILED = ("ERROR", "CANCELLED", "TIMEOUT")
_NOT_SERVED: tuple[str, ...] = (
    "RATE_LIMITED",
    "QUOTA_EXCEEDED",
    "CONTENT_POLICY_VIOLATION",
    "CAPACITY_UNAVAILABLE",
)
_NOT_SERVED += ("SERVICE_UNAVAILABLE", "ERROR_RESPONSE")
_COUNTS = tuple(name for name in _READ if name.endswith("TokenCount"))


def events(document: Any) -> Iterator[Any]:
    """The events of one payload or a list of payloads, each of the kind its fields show."""
    return events_of(document, lambda payload: event_of(payload, kind_of(payload)))


def kind_of(payload: Mapping[str, Any]) -> str:
    """What a payload that came without a path meters."""
    if "toolId" in payload:
        return "tool"
    if "actualImageCount" in payload or "requestedImageCount" in payload:
        return "image"
    if "characterCount" in payload or "inputAudioTokenCount" in payload or "audioFormat" in payload:
        return "audio"
    if "videoJobId" in payload or "requestedDurationSeconds" in payload:
        return "video"
    return "completion" if "model" in payload else "event"


def event_of(payload: dict[str, Any], kind: str) -> NativeEvent:
    """The event of one payload of a kind (`KINDS`)."""
    subscriber = _map(payload.get("subscriber"))
    credential = _map(subscriber.get("credential"))
    provider = provider_of(payload.get("modelHost") or payload.get("provider"))
    event: NativeEvent = {
        **{ours: payload[theirs] for theirs, ours in _COPIED.items() if payload.get(theirs) is not None},
        "source": "revenium",
        "provider": provider,
        "operation": _operation(payload, kind),
        "started_at": time_of(payload.get("requestTime") or payload.get("timestamp")),
        "first_token_at": time_of(payload.get("completionStartTime")) if payload.get("isStreamed") else None,
        "ended_at": time_of(payload.get("responseTime")),
        "is_batch": True if payload.get("pricingTier") == "BATCH" else None,
        "service_tier": tier_of(payload.get("actualServiceTier")),
        "outcome": _outcome(payload),
        "client_cost_usd": _cost(payload),
        "customer": payload.get("organizationName") or payload.get("organizationId"),
        "product": payload.get("productName") or payload.get("productId"),
        "subscriber_id": subscriber.get("id"),
        "subscriber_email": subscriber.get("email"),
        "credential_name": credential.get("name") or payload.get("credentialAlias"),
        "workflow": payload.get("agenticJobName") or payload.get("workflowId") or payload.get("agenticJobId"),
        **_quantities(payload, kind, provider),
        "metadata": _metadata(payload, kind),
    }
    if kind in ("tool", "event"):
        event["provider"] = provider or "tools"
        event["model"] = payload.get("model") or payload.get("toolId")
    score = decimal_of(payload.get("responseQualityScore"))
    if score is not None:
        event["metadata"]["responseQualityScore"] = score
        event["quality_score"] = score if 0 <= score <= 1 else None
    return event


def _quantities(payload: Mapping[str, Any], kind: str, provider: Any) -> NativeEvent:
    unit = payload.get("billingUnit")
    seconds = (
        decimal_of(payload.get("durationSeconds")) if unit in (None, "PER_MINUTE", "PER_SECOND") else None
    )
    return {
        **_tokens(payload, provider),
        "images": count_of(payload.get("actualImageCount")) if kind == "image" else None,
        "audio_seconds": seconds if kind == "audio" else None,
        "video_seconds": seconds if kind == "video" else None,
        "characters": count_of(payload.get("characterCount")) if unit in (None, "PER_CHARACTER") else None,
        "usage_raw": {name: payload[name] for name in _COUNTS if payload.get(name) is not None} or None,
    }


def _tokens(payload: Mapping[str, Any], provider: Any) -> NativeEvent:
    said = {name: count_of(payload.get(name)) for name in _COUNTS}
    total_input, output, total = said["inputTokenCount"], said["outputTokenCount"], said["totalTokenCount"]
    cache_read = said["cacheReadTokenCount"]
    written_1h = said["cacheCreation1hTokenCount"]
    written = said["cacheCreationTokenCount"]
    if written is None and (said["cacheCreation5mTokenCount"] is not None or written_1h is not None):
        written = (said["cacheCreation5mTokenCount"] or 0) + (written_1h or 0)
    cached = (cache_read or 0) + (written or 0)
    audio = (said["inputAudioTokenCount"] or 0, said["outputAudioTokenCount"] or 0)
    if any(audio) and total_input is not None:
        total_input, output = _without_audio(total_input, output, total, audio)
    is_gross = provider not in _WITHOUT_CACHE
    reasoning = said["reasoningTokenCount"]
    if reasoning and total is not None and total == (total_input or 0) + (output or 0) + reasoning:
        output = (output or 0) + reasoning
    return {
        "input_tokens": total_input - cached if is_gross and total_input is not None else total_input,
        "cache_read_tokens": cache_read,
        "cache_write_5m_tokens": None if written is None else written - (written_1h or 0),
        "cache_write_1h_tokens": written_1h,
        "output_tokens": output,
        "audio_input_tokens": said["inputAudioTokenCount"],
        "audio_output_tokens": said["outputAudioTokenCount"],
        "reasoning_tokens": reasoning,
    }


def _without_audio(
    total_input: int, output: int | None, total: int | None, audio: tuple[int, int]
) -> tuple[int, int | None]:
    """Text tokens beside audio tokens; only the total says whether the counts hold the audio too."""
    made = output or 0
    if total == total_input + made + sum(audio):
        return total_input, output
    if total == total_input + made and total_input >= audio[0] and made >= audio[1]:
        return total_input - audio[0], None if output is None else output - audio[1]
    raise UndecidableError(
        "whether inputTokenCount holds the audio tokens too cannot be told; send totalTokenCount, their true sum"
    )


def _cost(payload: Mapping[str, Any]) -> Decimal | None:
    """What the caller said in all: a total, or input and output with the cache."""
    whole = decimal_of(payload.get("totalCost", payload.get("costUsd")))
    if whole is not None:
        return whole
    parts = [decimal_of(payload.get(name)) for name in ("inputTokenCost", "outputTokenCost")]
    if any(part is None for part in parts):
        return None
    cache = (decimal_of(payload.get(f"cache{kind}TokenCost")) for kind in ("Creation", "Read"))
    return sum((part for part in (*parts, *cache) if part is not None), Decimal(0))


def _operation(payload: Mapping[str, Any], kind: str) -> str:
    return (
        _OPERATIONS.get(str(payload.get("operationType")), "chat") if kind == "completion" else _OF_KIND[kind]
    )


def _outcome(payload: Mapping[str, Any]) -> str:
    is_failed = (
        payload.get("stopReason") in _FAILED
        or payload.get("success") is False
        or payload.get("errorCode") not in (None, "", 0)
        or payload.get("skipReason") in _NOT_SERVED
        or payload.get("completionStatus") == "FAILED"
    )
    return "error" if is_failed else "ok"


def _metadata(payload: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Everything no field of an event takes, under its own name."""
    kept = {name: value for name, value in payload.items() if name not in _READ and name not in _COPIED}
    kept |= _map(payload.get("usageMetadata"))
    if kind == "event":
        kept |= _map(kept.pop("payload", None))
    if kind == "tool":
        kept["toolId"] = payload.get("toolId")
    if payload.get("operationType") not in (None, "CHAT"):
        kept["operationType"] = payload["operationType"]
    if payload.get("subscriberCredential") or _map(_map(payload.get("subscriber")).get("credential")).get(
        "value"
    ):
        kept["credential_value"] = "not kept"
    return kept


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
