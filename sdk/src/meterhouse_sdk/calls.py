"""One provider call, from the moment it is sent to its one event.

What belongs here: times, outcome, errors, and turning what an answer says into an event, exactly once. What
does not: where a provider's answer says it (`openai_answers.py`, `anthropic_answers.py`), and how clients
are hooked (`wrapping.py`).
"""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Optional, Protocol

from meterhouse_sdk import context, guarding, metering, prompts, trouble
from meterhouse_sdk.fields import json_text
from meterhouse_sdk.looking import look
from meterhouse_sdk.usage import Quantities, UndecidableError, Usage

_LONGEST_REASON = 500
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|key|Bearer)[-_ ][\w*.-]{6,}", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What an answer says: fields of the event, its usage object, and whether that usage is final."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    usage: Optional[Usage] = None
    is_final: bool = True
    quantities: Quantities = field(default_factory=dict)
    """What it counts outside its usage object."""
    is_counted: bool = False
    """Whether `quantities` are all that was used, as no usage object belongs to such an answer."""


class StreamReader(Protocol):
    """Reads a streamed answer item by item."""

    def read(self, item: Any) -> bool:
        """Take note of one item; True when it carries a token of the answer."""

    def answer(self, is_exhausted: bool, /) -> Answer:
        """What the items read so far say."""


@dataclass(frozen=True)
class Endpoint:
    """How calls of one provider endpoint are read; `door` names the kind of hook that sees them."""

    operation: str
    read_answer: Callable[[Any], Answer]
    stream_reader: Optional[Callable[[], StreamReader]]
    quantities: Callable[[Usage], Quantities]
    door: str = "client"


class Call:
    """A call under way; the first of `succeed`, `fail` ends it, the others then do nothing.

    Its attribution is the one in force when it was sent, wherever it ends.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        provider: str,
        request: Mapping[str, Any],
        fields: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.endpoint = endpoint
        self._request = request
        self._fields = fields or {}
        self._provider = provider
        self._attribution = context.current()
        self._prompts: dict[str, Any] = {}
        self._streamed: list[str] = []
        self._is_capturing = metering.may_capture(self._attribution)
        if self._is_capturing:
            with trouble.kept_from_caller("reading a prompt"):
                self._prompts = prompts.request_prompts(request)
        self._started_at = datetime.now(timezone.utc)
        self._clock_at_start = time.perf_counter()
        self._clock_at_first_token: Optional[float] = None
        self._end = threading.Lock()

    def admit(self) -> None:
        """Look whether the call may be made; tools of the application's own always may.

        Raises:
            CallBlocked: it may not.
        """
        if self.endpoint.operation != "tool":
            guarding.admit({**self._fields, **self._about()}, self._attribution)

    def token_came(self) -> None:
        """Note the time of the first token."""
        if self._clock_at_first_token is None:
            self._clock_at_first_token = time.perf_counter()

    def text_came(self, item: Any) -> None:
        """Keep the text of one item of a streamed answer, where it is captured."""
        if self._is_capturing:
            with trouble.kept_from_caller("reading an answer's text"):
                self._streamed.append(prompts.streamed_text(item))

    def answer_came(self, answer: Any) -> None:
        """Keep the text of a whole answer, where it is captured."""
        if self._is_capturing:
            with trouble.kept_from_caller("reading an answer's text"):
                self._prompts["output_text"] = prompts.answer_text(answer)

    def succeed(self, answer: Answer) -> None:
        """End the call with what its answer says."""
        if self._end.acquire(blocking=False):
            self._meter(
                {"outcome": "ok", **answer.fields, **usage_fields(self.endpoint, self._provider, answer)}
            )

    def fail(self, error: BaseException) -> None:
        """End the call with the error it raised; what it used is unknown."""
        if self._end.acquire(blocking=False):
            self._meter({"outcome": "error", **error_fields(error)})

    def _meter(self, fields: Mapping[str, Any]) -> None:
        seconds = time.perf_counter() - self._clock_at_start
        times: dict[str, Any] = {
            "started_at": self._started_at,
            "ended_at": self._started_at + timedelta(seconds=seconds),
            "duration_ms": round(seconds * 1000),
        }
        if self._clock_at_first_token is not None:
            first_seconds = self._clock_at_first_token - self._clock_at_start
            times["first_token_at"] = self._started_at + timedelta(seconds=first_seconds)
            times["time_to_first_token_ms"] = round(first_seconds * 1000)
        if self._streamed:
            self._prompts["output_text"] = "".join(self._streamed)
        event = {**self._fields, **self._about(), **times, **fields, **self._prompts}
        metering.record_call(self.endpoint.door, event, self._attribution)

    def _about(self) -> dict[str, Any]:
        """What is known of the call before it is made."""
        return {
            "provider": self._provider,
            "model": self._request.get("model"),
            "operation": self.endpoint.operation,
            "is_streamed": bool(self._request.get("stream")),
        }


def usage_fields(endpoint: Endpoint, provider: str, answer: Answer) -> dict[str, Any]:
    """The quantities of an answer, and its usage object as it came; no quantity where that decides none."""
    if answer.usage is None:
        return dict(answer.quantities) if answer.is_counted else {}
    quantities: Quantities = {}
    if answer.is_final:
        try:
            quantities = {**answer.quantities, **endpoint.quantities(answer.usage)}
        except UndecidableError as error:
            trouble.note("undecided", f"{provider}: {error}", f"Usage of {provider} left unknown: {error}.")
    return {"usage_raw": json_text(answer.usage), **quantities}


def error_fields(error: BaseException) -> dict[str, Any]:
    """`error_code` and `error_reason` of a failed call.

    The code is the provider's code or type, else the HTTP status, else the exception's name.

    The reason is the provider's message, shortened, without anything that looks like a key.
    """
    codes = (getattr(error, name, None) for name in ("code", "type", "status_code"))
    code = next((str(code) for code in codes if code), type(error).__name__)
    return {"error_code": code, "error_reason": _reason(_provider_message(error))}


def answer_error_fields(error: Any) -> dict[str, Any]:
    """The same for an error object inside an answer."""
    return {
        "outcome": "error",
        "error_code": look(error, "code") or "unknown",
        "error_reason": _reason(str(look(error, "message") or "")),
    }


def as_usage(usage: Any) -> Optional[Usage]:
    """A usage object as a mapping with exactly the keys the provider sent."""
    if usage is None or isinstance(usage, Mapping):
        return usage
    dumped: Usage = usage.model_dump(mode="json", exclude_unset=True, warnings=False)
    return dumped


def _provider_message(error: BaseException) -> str:
    body = getattr(error, "body", None)
    message = look(body, "message") or look(body, "error", "message")
    return message if isinstance(message, str) else str(error)


def _reason(message: str) -> Optional[str]:
    return _KEY_LIKE.sub("[key]", message)[:_LONGEST_REASON] or None
