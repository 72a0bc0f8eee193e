"""Where Anthropic's answers say what a call used: messages, whole or streamed."""

from typing import Any, Optional

from meterhouse_sdk.calls import Answer, Endpoint, as_usage
from meterhouse_sdk.looking import look
from meterhouse_sdk.usage import Usage, anthropic_quantities

_TIERS = ("standard", "priority", "batch", "flex")


def service_tier(usage: Optional[Usage]) -> Optional[str]:
    """Our name of the tier a call was served with; `unknown` for fast mode, which has prices of its own."""
    served = look(usage, "service_tier")
    if look(usage, "speed") == "fast":
        return "unknown"
    return served if served is None or served in _TIERS else "unknown"


def _read_message(message: Any) -> Answer:
    usage = as_usage(look(message, "usage"))
    region = look(usage, "inference_geo")
    fields = {
        "provider_request_id": look(message, "id"),
        "response_model": look(message, "model"),
        "stop_reason": look(message, "stop_reason"),
        "service_tier": service_tier(usage),
        "region": None if region == "not_available" else region,
    }
    return Answer(fields, usage)


class _MessageStream:
    """Events of a message: usage so far at its start, cumulative usage with the stop reason at its end."""

    def __init__(self) -> None:
        self._started = Answer()
        self._usage: Usage = {}
        self._stop_reason: Optional[str] = None

    def read(self, item: Any) -> bool:
        kind = look(item, "type")
        if kind == "message_start":
            self._started = _read_message(look(item, "message"))
            self._usage = self._started.usage or {}
        elif kind == "message_delta":
            update = as_usage(look(item, "usage")) or {}
            self._usage = {
                **self._usage,
                **{name: value for name, value in update.items() if value is not None},
            }
            self._stop_reason = look(item, "delta", "stop_reason") or self._stop_reason
        return bool(kind == "content_block_delta")

    def answer(self, _is_exhausted: bool, /) -> Answer:
        fields = {**self._started.fields, "stop_reason": self._stop_reason}
        return Answer(fields, self._usage or None, is_final=self._stop_reason is not None)


ENDPOINTS = {"/messages": Endpoint("chat", _read_message, _MessageStream, anthropic_quantities)}
"""How to read the calls that are metered, by path."""
