"""The `bedrock-runtime` client of boto3: its calls, and where Bedrock's answers say what they used.

What belongs here: hooking the client, and reading its answers. What does not: splitting usage into quantities
(`usage.py`). Bodies are never read here: their caller reads them.
"""

import json
from dataclasses import replace
from typing import Any, Optional

from meterhouse_sdk import streams
from meterhouse_sdk.calls import Answer, Call, Endpoint
from meterhouse_sdk.hooks import metered
from meterhouse_sdk.looking import look
from meterhouse_sdk.usage import Usage, bedrock_quantities

_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}
_HEADERS = {
    "inputTokens": "x-amzn-bedrock-input-token-count",
    "outputTokens": "x-amzn-bedrock-output-token-count",
    "cacheReadInputTokens": "x-amzn-bedrock-cache-read-input-token-count",
    "cacheWriteInputTokens": "x-amzn-bedrock-cache-write-input-token-count",
}
_INVOCATION_METRICS = {
    "inputTokens": "inputTokenCount",
    "outputTokens": "outputTokenCount",
    "cacheReadInputTokens": "cacheReadInputTokenCount",
    "cacheWriteInputTokens": "cacheWriteInputTokenCount",
}


def hook(client: Any, provider: str) -> None:
    """Meter every call of a boto3 `bedrock-runtime` client; other services are left alone."""
    region = client.meta.region_name
    for name, (endpoint, stream_key) in _METHODS.items():
        setattr(client, name, _metered(getattr(client, name), endpoint, stream_key, provider, region))


def _metered(method: Any, endpoint: Endpoint, stream_key: Optional[str], provider: str, region: Any) -> Any:
    def begin(_args: tuple[Any, ...], options: dict[str, Any]) -> Call:
        model = str(options.get("modelId") or "")
        asked = replace(endpoint, operation="embed") if "embed" in model else endpoint
        texts = {name: options.get(name) for name in ("messages", "system")}
        request = {"model": model or None, "stream": stream_key is not None, **texts}
        return Call(asked, provider, request, {"region": region})

    def conclude(call: Call, answer: Any) -> Any:
        if stream_key is not None and endpoint.stream_reader is not None:
            reader = endpoint.stream_reader()
            reader.read(answer)
            answer[stream_key] = streams.WatchedEvents(answer[stream_key], call, reader)
        else:
            call.answer_came(answer)
            call.succeed(endpoint.read_answer(answer))
        return answer

    return metered(method, begin, conclude)


def _request_id(answer: Any) -> Any:
    return look(answer, "ResponseMetadata", "RequestId")


def _read_converse(answer: Any) -> Answer:
    fields = {
        "provider_request_id": _request_id(answer),
        "stop_reason": look(answer, "stopReason"),
        "service_tier": _tier(look(answer, "serviceTier", "type")),
    }
    return Answer(fields, look(answer, "usage"))


def _read_invocation(answer: Any) -> Answer:
    headers = look(answer, "ResponseMetadata", "HTTPHeaders") or {}
    fields = {
        "provider_request_id": _request_id(answer),
        "service_tier": _tier(headers.get("x-amzn-bedrock-service-tier")),
    }
    return Answer(fields, _counted(headers, _HEADERS))


class _ConverseStream:
    """Events of a conversation: the usage stands in the last one, `metadata`."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._usage: Optional[Usage] = None

    def read(self, item: Any) -> bool:
        if _request_id(item):
            self._fields["provider_request_id"] = _request_id(item)
        self._fields["stop_reason"] = look(item, "messageStop", "stopReason") or self._fields.get(
            "stop_reason"
        )
        self._fields["service_tier"] = _tier(
            look(item, "metadata", "serviceTier", "type")
        ) or self._fields.get("service_tier")
        self._usage = look(item, "metadata", "usage") or self._usage
        return "contentBlockDelta" in item

    def answer(self, _is_exhausted: bool, /) -> Answer:
        return Answer(self._fields, self._usage)


class _InvocationStream:
    """Chunks of a model's own answer: Bedrock adds its counts to the last one."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._usage: Optional[Usage] = None

    def read(self, item: Any) -> bool:
        if _request_id(item):
            self._fields["provider_request_id"] = _request_id(item)
        chunk = look(item, "chunk", "bytes")
        if chunk and b"amazon-bedrock-invocationMetrics" in chunk:
            metrics = json.loads(chunk).get("amazon-bedrock-invocationMetrics")
            self._usage = _counted(metrics or {}, _INVOCATION_METRICS)
        return chunk is not None

    def answer(self, _is_exhausted: bool, /) -> Answer:
        return Answer(self._fields, self._usage)


def _counted(source: Any, names: dict[str, str]) -> Optional[Usage]:
    """The counts that a source has; None where it tells none, as for images."""
    counts = {name: int(source[key]) for name, key in names.items() if source.get(key) is not None}
    return counts or None


def _tier(served: Any) -> Optional[str]:
    return None if served is None else _TIERS.get(str(served), "unknown")


_METHODS: dict[str, tuple[Endpoint, Optional[str]]] = {
    "converse": (Endpoint("chat", _read_converse, None, bedrock_quantities), None),
    "converse_stream": (Endpoint("chat", _read_converse, _ConverseStream, bedrock_quantities), "stream"),
    "invoke_model": (Endpoint("chat", _read_invocation, None, bedrock_quantities), None),
    "invoke_model_with_response_stream": (
        Endpoint("chat", _read_invocation, _InvocationStream, bedrock_quantities),
        "body",
    ),
}
"""How to read the calls that are metered, by method: the endpoint, and the key of its stream."""
