"""The `google-genai` client: its calls, and where Gemini's answers say what they used.

What belongs here: hooking the client, and reading its answers. What does not: splitting usage into quantities
(`usage.py`). Each request of the client is one call, so that a function-calling loop counts every round.
"""

import re
from typing import Any

from meterhouse_sdk import streams
from meterhouse_sdk.calls import Answer, Call, Endpoint, as_usage
from meterhouse_sdk.hooks import metered
from meterhouse_sdk.looking import items, look
from meterhouse_sdk.usage import Quantities, google_quantities

_TIERS = {"STANDARD": "standard", "FLEX": "flex", "PRIORITY": "priority", "BATCH": "batch"}
_MODEL_PATH = re.compile(r"^.*models/")


def hook(client: Any, provider: str) -> None:
    """Meter every request of a `google.genai.Client`, synchronous and asynchronous."""
    for models in (client.models, client.aio.models):
        for name, endpoint in _ENDPOINTS.items():
            method = getattr(models, name, None)
            if method is not None:
                setattr(models, name, _metered(method, endpoint, provider, name.endswith("_stream")))


def _metered(method: Any, endpoint: Endpoint, provider: str, is_streamed: bool) -> Any:
    def begin(_args: tuple[Any, ...], options: dict[str, Any]) -> Call:
        model = _MODEL_PATH.sub("", str(options.get("model") or "")) or None
        texts = {name: options.get(name) for name in ("contents", "config")}
        return Call(endpoint, provider, {"model": model, "stream": is_streamed, **texts})

    def conclude(call: Call, answer: Any) -> Any:
        if is_streamed and endpoint.stream_reader is not None:
            return streams.watched(answer, call, endpoint.stream_reader())
        call.answer_came(answer)
        call.succeed(endpoint.read_answer(answer))
        return answer

    return metered(method, begin, conclude)


def _read_content(response: Any) -> Answer:
    candidates = items(look(response, "candidates"))
    reason = next((look(candidate, "finish_reason") for candidate in candidates), None)
    usage = as_usage(look(response, "usage_metadata"))
    fields = {
        "provider_request_id": look(response, "response_id"),
        "response_model": look(response, "model_version"),
        "stop_reason": getattr(reason, "value", reason),
        "service_tier": _tier(look(usage, "traffic_type")),
    }
    return Answer(fields, usage, quantities=_searches(candidates))


def _read_embeddings(response: Any) -> Answer:
    counts = [
        look(embedding, "statistics", "token_count") for embedding in items(look(response, "embeddings"))
    ]
    if not counts or None in counts:
        return Answer()
    return Answer({}, {"prompt_token_count": int(sum(counts)), "total_token_count": int(sum(counts))})


def _read_images(response: Any) -> Answer:
    made = len(list(items(look(response, "generated_images"))))
    return Answer(quantities={"images": made}, is_counted=True)


def _read_nothing(_operation: Any) -> Answer:
    """A video is made later: what was used is not known when the call returns."""
    return Answer()


class _ContentStream:
    """Chunks of content: each tells the usage so far, the last one all of it."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._usage: Any = None
        self._quantities: Quantities = {}

    def read(self, item: Any) -> bool:
        chunk = _read_content(item)
        self._fields.update({name: value for name, value in chunk.fields.items() if value is not None})
        self._usage = chunk.usage or self._usage
        self._quantities = dict(chunk.quantities) or self._quantities
        return any(look(candidate, "content", "parts") for candidate in items(look(item, "candidates")))

    def answer(self, is_exhausted: bool, /) -> Answer:
        is_final = is_exhausted or self._fields.get("stop_reason") is not None
        return Answer(self._fields, self._usage, is_final, self._quantities)


def _tier(traffic_type: Any) -> Any:
    """On Vertex the usage says how the call was served; elsewhere it does not."""
    name = str(getattr(traffic_type, "value", traffic_type) or "")
    if name in ("", "TRAFFIC_TYPE_UNSPECIFIED"):
        return None
    return {"ON_DEMAND": "standard", **_TIERS}.get(name.removeprefix("ON_DEMAND_"), "unknown")


def _searches(candidates: Any) -> Quantities:
    grounded = [look(candidate, "grounding_metadata", "web_search_queries") for candidate in candidates]
    count = sum(len(list(items(queries))) for queries in grounded)
    return {"web_searches": count} if count else {}


_CONTENT = Endpoint("chat", _read_content, _ContentStream, google_quantities)
_ENDPOINTS = {
    "_generate_content": _CONTENT,
    "_generate_content_stream": _CONTENT,
    "_embed_content": Endpoint("embed", _read_embeddings, None, google_quantities),
    "_generate_images": Endpoint("image", _read_images, None, dict),
    "_generate_videos": Endpoint("video", _read_nothing, None, dict),
}
"""How to read the requests that are metered, by the method that sends them."""
