"""LiteLLM: its own callbacks, and where they say what a call used.

`litellm.callbacks = [meterhouse_sdk.litellm_logger()]` meters every call of the library. What belongs here:
reading LiteLLM's standard logging payload (contract LiteLLM §3). What does not: splitting usage (`usage.py`).
"""

import importlib
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Optional

from meterhouse_sdk import context, metering, prompts, trouble
from meterhouse_sdk.callbacks import Remembered
from meterhouse_sdk.calls import error_fields
from meterhouse_sdk.looking import look
from meterhouse_sdk.openai_answers import service_tier
from meterhouse_sdk.usage import Quantities, UndecidableError, litellm_quantities

_PROVIDERS = {
    "azure": "azure_openai",
    "bedrock": "aws_bedrock",
    "bedrock_converse": "aws_bedrock",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "gemini": "google",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
    "cohere_chat": "cohere",
}
"""Our name of who serves a call, where LiteLLM's is another."""
_OPERATIONS = {"embedding": "embed", "image": "image", "transcription": "audio", "speech": "audio"}


def litellm_logger() -> Any:
    """An instance of LiteLLM's `CustomLogger` that meters every call; add it to `litellm.callbacks` once.

    Raises:
        ImportError: LiteLLM is not installed.
    """
    base = importlib.import_module("litellm.integrations.custom_logger").CustomLogger
    return type("MeterhouseLogger", (LiteLLMCalls, base), {})()


class LiteLLMCalls:
    """The callbacks, by the names LiteLLM calls them by."""

    def __init__(self) -> None:
        super().__init__()
        self._attributions: Remembered[Mapping[str, Any]] = Remembered()

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Mapping[str, Any]) -> None:  # noqa: ARG002
        """A call starts, in the caller's own context; its end is told in another thread."""
        with trouble.kept_from_caller("starting a LiteLLM call"):
            self._attributions.put(kwargs.get("litellm_call_id"), context.current())

    def log_success_event(self, kwargs: Mapping[str, Any], **_: Any) -> None:
        """A call ended well."""
        self._meter(kwargs, {"outcome": "ok"})

    def log_failure_event(self, kwargs: Mapping[str, Any], **_: Any) -> None:
        """A call failed."""
        error = kwargs.get("exception")
        known = error_fields(error) if isinstance(error, BaseException) else {}
        self._meter(kwargs, {"outcome": "error", **known})

    async def async_log_success_event(self, kwargs: Mapping[str, Any], **_: Any) -> None:
        """A call ended well, asynchronously."""
        self.log_success_event(kwargs)

    async def async_log_failure_event(self, kwargs: Mapping[str, Any], **_: Any) -> None:
        """A call failed, asynchronously."""
        self.log_failure_event(kwargs)

    def _meter(self, kwargs: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        with trouble.kept_from_caller("reading a LiteLLM call"):
            payload = kwargs.get("standard_logging_object")
            if isinstance(payload, Mapping):
                attribution = self._attributions.take(kwargs.get("litellm_call_id")) or context.current()
                texts = _prompts(payload) if metering.may_capture(attribution) else {}
                metering.record_call("litellm", {**_fields(payload), **texts, **outcome}, attribution)


def _fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    started, ended = payload.get("startTime"), payload.get("endTime")
    served_by = str(payload.get("custom_llm_provider") or "")
    fields = {
        "event_id": payload.get("litellm_call_id"),
        "provider": _PROVIDERS.get(served_by, served_by) or None,
        "model": payload.get("model"),
        "response_model": look(payload, "response", "model"),
        "provider_request_id": payload.get("id"),
        "operation": _operation(str(payload.get("call_type") or "")),
        "is_streamed": bool(payload.get("stream")),
        "started_at": _time(started),
        "ended_at": _time(ended),
        "duration_ms": round((ended - started) * 1000) if started and ended else None,
        "metadata": {"litellm_tags": ",".join(payload.get("request_tags") or ())}
        if payload.get("request_tags")
        else None,
    }
    first = payload.get("completionStartTime")
    if fields["is_streamed"] and first and started:
        fields["first_token_at"] = _time(first)
        fields["time_to_first_token_ms"] = round((first - started) * 1000)
    return {**fields, **_usage_fields(payload)}


def _prompts(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **prompts.request_prompts(payload),
        "output_text": prompts.answer_text(payload.get("response")),
    }


def _usage_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    usage = look(payload, "metadata", "usage_object") or look(payload, "response", "usage")
    if payload.get("status") != "success" or payload.get("cache_hit") or not isinstance(usage, Mapping):
        return {}
    quantities: Quantities = {}
    try:
        quantities = litellm_quantities(usage)
    except UndecidableError as error:
        trouble.note("undecided", f"litellm: {error}", f"Usage of a LiteLLM call left unknown: {error}.")
    region = look(usage, "inference_geo")
    return {
        "usage_raw": json.dumps(usage, default=str),
        "service_tier": service_tier(look(usage, "service_tier")),
        "region": None if region == "not_available" else region,
        **quantities,
    }


def _operation(call_type: str) -> str:
    return next((ours for part, ours in _OPERATIONS.items() if part in call_type), "chat")


def _time(seconds: Optional[float]) -> Optional[datetime]:
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None
