"""The dialect of OpenTelemetry traces (OTLP) with spans of AI calls, as several instrumentations write them.

What belongs here: which spans are calls, and what their attributes mean to an event (contract focus-prices-otel
§3). Input counts hold cached tokens, unless the cached tokens are more than the input or the instrumentation is known
to leave them out; output holds reasoning. A span that repeats what its children say (agents, workflows) is no call.
Two spans of one call, which an SDK and an instrumentation write beside each other, have one event id, the provider's
response id; the one that says more of the usage is taken. Prompts and answers are left behind.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from meterhouse.events.dialects.foreign import (
    ATTRIBUTION,
    NativeEvent,
    UndecidableError,
    count_of,
    decimal_of,
    event_of,
    objects,
    provider_of,
    tier_of,
)
from meterhouse.events.dialects.otlp_spans import attributes, map_of, spans

_MODEL = (
    "gen_ai.request.model",
    "llm.request.model_name",
    "llm.request.model",
    "gen_ai.response.model",
    "llm.model_name",
)
_SERVED = ("gen_ai.response.model", "llm.response.model_name", "llm.response.model", "llm.model_name")
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
)
_OUTPUT = (
    *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "llm.usage.completion_tokens",
)
_CACHE_READ = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    *("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.prompt_tokens_details.cached_tokens"),
    *("llm.token_count.prompt_details.cache_read", "gen_ai.usage.input_cached_tokens"),
)
_CACHE_WRITE = (
    *("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    *("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.details.cache_write_tokens"),
    "llm.token_count.prompt_details.cache_write",
)
_CACHE_WRITE_1H = ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",)
_REASONING = (
    *("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    *("llm.token_count.completion_details.reasoning", "gen_ai.usage.details.reasoning_tokens"),
)
_MEDIA = {
    "audio_input_tokens": ("gen_ai.usage.audio.input_tokens", "gen_ai.usage.details.input_audio_tokens"),
    "image_input_tokens": ("gen_ai.usage.image.input_tokens",),
    "video_input_tokens": ("gen_ai.usage.video.input_tokens",),
    "audio_output_tokens": ("gen_ai.usage.audio.output_tokens", "gen_ai.usage.details.output_audio_tokens"),
    "image_output_tokens": ("gen_ai.usage.image.output_tokens",),
}
_COST = ("operation.cost", "gen_ai.usage.cost", "gen_ai.client.operation.cost", "llm.cost.total")
_TIER = (
    "openai.response.service_tier",
    "anthropic.response.service_tier",
    "gen_ai.openai.response.service_tier",
)
_STOP = ("gen_ai.response.finish_reasons", "llm.finish_reason", "anthropic.message.stop_reason")
_STREAMED = ("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming")
_SAID = {
    "agent": ("gen_ai.agent.name", "agent.name"),
    "agent_version": ("gen_ai.agent.version",),
    "workflow": ("gen_ai.workflow.name", "traceloop.workflow.name"),
    "subscriber_id": ("user.id", "enduser.id"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "region": ("cloud.region",),
}
_OPERATION = ("gen_ai.operation.name", "openinference.span.kind", "llm.request.type")
_OPERATIONS = {
    **dict.fromkeys(("chat", "generate_content", "text_completion", "completion", "llm"), "chat"),
    "embeddings": "embed",
    "embedding": "embed",
    "reranker": "rerank",
    "rerank": "rerank",
}
_PARENTS = (
    *("invoke_agent", "create_agent", "invoke_workflow", "execute_tool", "plan", "retrieval"),
    *("agent", "chain", "tool", "retriever", "guardrail", "evaluator"),
)
_CONTENT = (
    *("gen_ai.input.", "gen_ai.output.", "gen_ai.prompt", "gen_ai.completion", "gen_ai.system_instructions"),
    *("llm.input_messages", "llm.output_messages", "llm.prompts", "llm.invocation_parameters", "llm.tools"),
    *(
        "input.",
        "output.",
        "request_data",
        "response_data",
        "logfire.",
        "code.",
        "gen_ai.tool.",
        "embedding.",
    ),
    *(
        "traceloop.entity.input",
        "traceloop.entity.output",
        "all_messages_events",
        "events",
        "llm.request.functions",
    ),
)
_OWN = ("meterhouse.", "traceloop.association.properties.")
_EXCLUSIVE_SCOPES = ("openlit",)
_WITHOUT_CACHE = ("anthropic", "aws_bedrock")
_LONGEST_SECONDS = 10**6
_ERROR_CODES = (2, "STATUS_CODE_ERROR")


def events(document: Any) -> Iterator[Any]:
    """The events of one export request, or a list of them: one per call, the spans that are no calls left out."""
    by_id: dict[str, tuple[int, NativeEvent]] = {}
    for one in objects(document):
        if not isinstance(one, dict):
            yield one
            continue
        for resource, scope, span in spans(one):
            found = event_of(span, partial(_event, resource, scope))
            if not isinstance(found, dict):
                if found is not None:
                    yield found
                continue
            detail = sum(
                found.get(name) is not None for name in ("cache_read_tokens", "cache_write_5m_tokens")
            )
            detail += 2 * (found.get("input_tokens") is not None)
            known = by_id.get(found["event_id"])
            if known is None or known[0] < detail:
                by_id[found["event_id"]] = (detail, found)
    yield from (event for _, event in by_id.values())


def _event(
    resource: Mapping[str, Any], scope: Mapping[str, Any], span: Mapping[str, Any]
) -> NativeEvent | None:
    said = attributes(span)
    operation = str(_first(said, _OPERATION) or "").lower()
    has_usage = _first(said, _INPUT) is not None or _first(said, _OUTPUT) is not None
    if operation in _PARENTS or not (has_usage or operation in _OPERATIONS):
        return None
    provider = provider_of(_first(said, _PROVIDER))
    response_id = said.get("gen_ai.response.id") or said.get("llm.response.id") or _id_in_output(said)
    span_id, trace_id = span.get("spanId"), span.get("traceId")
    status = map_of(span.get("status"))
    is_failed = status.get("code") in _ERROR_CODES or said.get("error.type") is not None
    started, ended = span.get("startTimeUnixNano"), span.get("endTimeUnixNano")
    own = {**_own(resource), **_own(said)}
    first_chunk = decimal_of(said.get("gen_ai.response.time_to_first_chunk"))
    return {
        "event_id": f"{provider}:{response_id}" if response_id else f"otlp:{trace_id}:{span_id}",
        "provider_request_id": response_id,
        "source": "otlp",
        "started_at": _moment(started),
        "ended_at": _moment(ended),
        "duration_ms": (int(ended) - int(started)) // 1_000_000 if started and ended else None,
        "time_to_first_token_ms": count_of(round(first_chunk * 1000))
        if first_chunk is not None and first_chunk < _LONGEST_SECONDS
        else None,
        "provider": provider,
        "model": _first(said, _MODEL),
        "response_model": _first(said, _SERVED),
        "operation": _OPERATIONS.get(operation, "other" if operation else "chat"),
        "is_streamed": _first(said, _STREAMED),
        "service_tier": tier_of(_first(said, _TIER)),
        "stop_reason": _joined(_first(said, _STOP)),
        "outcome": "error" if is_failed else "ok",
        "error_code": said.get("error.type"),
        "error_reason": status.get("message") if is_failed else None,
        **_quantities(said, scope, provider),
        "client_cost_usd": decimal_of(_first(said, _COST)),
        **{field: _first({**resource, **said}, names) for field, names in _SAID.items()},
        **{name: own[name] for name in ATTRIBUTION if own.get(name)},
        "trace_id": trace_id,
        "span_id": span_id,
        "metadata": _metadata(resource, scope, span, said, own),
    }


def _quantities(said: Mapping[str, Any], scope: Mapping[str, Any], provider: Any) -> NativeEvent:
    raw = _json(said.get("gen_ai.usage.raw"))
    into, outof = map_of(raw.get("prompt_tokens_details")), map_of(raw.get("completion_tokens_details"))
    total_input, output = _count(said, _INPUT), _count(said, _OUTPUT)
    cache_read = _count(said, _CACHE_READ, into.get("cached_tokens", raw.get("cache_read_input_tokens")))
    written = _count(said, _CACHE_WRITE, raw.get("cache_creation_input_tokens"))
    written_1h = _count(
        said, _CACHE_WRITE_1H, map_of(raw.get("cache_creation")).get("ephemeral_1h_input_tokens")
    )
    media = {field: _count(said, names) for field, names in _MEDIA.items()}
    cached = (cache_read or 0) + (written or 0)
    is_exclusive = cached > (total_input or 0) or (
        str(scope.get("name", "")).startswith(_EXCLUSIVE_SCOPES) and provider in _WITHOUT_CACHE
    )
    media_in = sum(count or 0 for field, count in media.items() if "input" in field)
    media_out = sum(count or 0 for field, count in media.items() if "output" in field)
    inside = media_in + (0 if is_exclusive else cached)
    if (total_input is not None and inside > total_input) or (output is not None and media_out > output):
        raise UndecidableError("parts of the usage of a span are larger than their whole")
    usage = {name: value for name, value in said.items() if ".usage." in name or "token_count" in name}
    return {
        "input_tokens": None if total_input is None else total_input - inside,
        "cache_read_tokens": cache_read,
        "cache_write_5m_tokens": None if written is None else written - (written_1h or 0),
        "cache_write_1h_tokens": written_1h,
        "output_tokens": None if output is None else output - media_out,
        **media,
        "reasoning_tokens": _count(said, _REASONING, outof.get("reasoning_tokens")),
        "usage_raw": raw or usage or None,
    }


def _metadata(
    resource: Mapping[str, Any],
    scope: Mapping[str, Any],
    span: Mapping[str, Any],
    said: Mapping[str, Any],
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """The rest of the span's attributes, the service, the scope that wrote it; nothing that may hold a prompt."""
    read = {
        name
        for names in (_MODEL, _SERVED, _PROVIDER, _OPERATION, _COST, _TIER, _STOP, _STREAMED, *_SAID.values())
        for name in names
    }
    rest = {
        name: value
        for name, value in said.items()
        if name not in read
        and not name.startswith((*_CONTENT, *_OWN, "llm.token_count", "gen_ai.usage", "anthropic.usage"))
        and name not in ("gen_ai.response.id", "llm.response.id", "error.type")
    }
    return {
        **rest,
        **{name: value for name, value in own.items() if name not in ATTRIBUTION},
        "service.name": resource.get("service.name"),
        "otel_scope": f"{scope.get('name', '')} {scope.get('version', '')}".strip(),
        "otel_span_name": span.get("name"),
        "otel_parent_span_id": span.get("parentSpanId"),
    }


def _own(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that are meant for us, by the field's name."""
    return {
        name.removeprefix(prefix): value
        for prefix in _OWN
        for name, value in attributes.items()
        if name.startswith(prefix)
    }


def _id_in_output(said: Mapping[str, Any]) -> Any:
    """The response id where only the whole answer is written down, as OpenInference does."""
    return (
        _json(said.get("output.value")).get("id") if said.get("llm.token_count.prompt") is not None else None
    )


def _count(said: Mapping[str, Any], names: tuple[str, ...], otherwise: Any = None) -> int | None:
    found = _first(said, names)
    return count_of(otherwise if found is None else found)


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((said[name] for name in names if said.get(name) is not None), None)


def _joined(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value) if value.endswith("]") else value
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _moment(nanoseconds: Any) -> str | None:
    """RFC 3339 with microseconds; the rest of the nanoseconds is cut off."""
    if not nanoseconds or not str(nanoseconds).isdecimal():
        return None
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(nanoseconds) // 1000)).isoformat()


def _json(text: Any) -> Mapping[str, Any]:
    try:
        return map_of(json.loads(text)) if isinstance(text, str) else map_of(text)
    except ValueError:
        return {}
