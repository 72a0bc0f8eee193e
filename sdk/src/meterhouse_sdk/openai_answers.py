"""Where OpenAI's answers say what a call used: completions, responses, embeddings, images, audio; also streamed."""

from typing import Any, Optional

from meterhouse_sdk.calls import Answer, Endpoint, answer_error_fields, as_usage
from meterhouse_sdk.looking import items, look
from meterhouse_sdk.usage import (
    Quantities,
    openai_image_quantities,
    openai_quantities,
    openai_speech_quantities,
    openai_transcript_quantities,
)

_TIERS = {
    "default": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
    "batch": "batch",
}
_LAST_EVENTS = ("response.completed", "response.incomplete", "response.failed")


def service_tier(served: Optional[str]) -> Optional[str]:
    """Our name of the tier a call was served with; None when not said, `unknown` when not a tier of ours."""
    return None if served is None else _TIERS.get(served, "unknown")


def _read_completion(completion: Any) -> Answer:
    choices = items(look(completion, "choices"))
    fields = {
        **_common_fields(completion),
        "provider_request_id": look(completion, "id"),
        "stop_reason": next((look(choice, "finish_reason") for choice in choices), None),
    }
    return Answer(fields, as_usage(look(completion, "usage")))


def _read_response(response: Any) -> Answer:
    status = look(response, "status")
    fields = {
        **_common_fields(response),
        "provider_request_id": look(response, "id"),
        "stop_reason": look(response, "incomplete_details", "reason") or status,
    }
    if status == "failed":
        fields.update(answer_error_fields(look(response, "error")))
    return Answer(fields, as_usage(look(response, "usage")), quantities=_web_searches(response))


def _read_embeddings(embeddings: Any) -> Answer:
    fields = {**_common_fields(embeddings), "provider_request_id": look(embeddings, "_request_id")}
    return Answer(fields, as_usage(look(embeddings, "usage")))


def _read_images(images: Any) -> Answer:
    """Newer image models tell tokens; older ones are billed by the image."""
    usage = as_usage(look(images, "usage"))
    if usage is None:
        made = len(list(items(look(images, "data"))))
        return Answer(quantities={"images": made} if made else {}, is_counted=True)
    return Answer({"service_tier": None}, usage)


def _read_transcript(transcript: Any) -> Answer:
    """Tokens, or seconds, or nothing where the caller asked for plain text."""
    return Answer({}, as_usage(look(transcript, "usage")))


def _read_speech(_audio: Any) -> Answer:
    """Speech is audio and nothing else: what was used is not said."""
    return Answer()


class _LastEventStream:
    """Events of which the last one tells the usage: images, transcripts, speech."""

    def __init__(self) -> None:
        self._usage: Any = None

    def read(self, item: Any) -> bool:
        self._usage = look(item, "usage") or self._usage
        return self._usage is None

    def answer(self, is_exhausted: bool, /) -> Answer:
        return Answer({}, as_usage(self._usage), is_exhausted or self._usage is not None)


class _CompletionStream:
    """Chunks of a chat completion: the usage stands in a last chunk, and only when it was asked for."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._usage: Any = None

    def read(self, item: Any) -> bool:
        self._fields.update(
            {name: value for name, value in _common_fields(item).items() if value is not None}
        )
        self._fields.setdefault("provider_request_id", look(item, "id"))
        self._usage = look(item, "usage") or self._usage
        has_token = False
        for choice in items(look(item, "choices")):
            self._fields["stop_reason"] = look(choice, "finish_reason") or self._fields.get("stop_reason")
            delta = look(choice, "delta")
            has_token = has_token or any(
                look(delta, name) for name in ("content", "tool_calls", "refusal", "audio")
            )
        return has_token

    def answer(self, is_exhausted: bool, /) -> Answer:
        is_final = is_exhausted or self._fields.get("stop_reason") is not None
        return Answer(self._fields, as_usage(self._usage), is_final)


class _ResponseStream:
    """Events of a response: the last one carries the whole of it."""

    def __init__(self) -> None:
        self._answer = Answer()

    def read(self, item: Any) -> bool:
        kind = str(look(item, "type") or "")
        if kind == "response.created" or kind in _LAST_EVENTS:
            self._answer = _read_response(look(item, "response"))
        return kind.endswith(".delta")

    def answer(self, _is_exhausted: bool, /) -> Answer:
        return self._answer


def _common_fields(answer: Any) -> dict[str, Any]:
    return {
        "response_model": look(answer, "model"),
        "service_tier": service_tier(look(answer, "service_tier")),
    }


def _web_searches(response: Any) -> Quantities:
    calls = [item for item in items(look(response, "output")) if look(item, "type") == "web_search_call"]
    searches = sum(look(call, "action", "type") in (None, "search") for call in calls)
    return {"web_searches": searches} if searches else {}


ENDPOINTS = {
    "/chat/completions": Endpoint("chat", _read_completion, _CompletionStream, openai_quantities),
    "/responses": Endpoint("chat", _read_response, _ResponseStream, openai_quantities),
    "/responses/compact": Endpoint("chat", _read_response, None, openai_quantities),
    "/embeddings": Endpoint("embed", _read_embeddings, None, openai_quantities),
    "/images/generations": Endpoint("image", _read_images, _LastEventStream, openai_image_quantities),
    "/images/edits": Endpoint("image", _read_images, _LastEventStream, openai_image_quantities),
    "/images/variations": Endpoint("image", _read_images, None, openai_image_quantities),
    "/audio/transcriptions": Endpoint(
        "audio", _read_transcript, _LastEventStream, openai_transcript_quantities
    ),
    "/audio/translations": Endpoint("audio", _read_transcript, None, openai_transcript_quantities),
    "/audio/speech": Endpoint("audio", _read_speech, _LastEventStream, openai_speech_quantities),
}
"""How to read the calls that are metered, by path."""
