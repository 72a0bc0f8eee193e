"""Prompts and answers: where requests and answers hold their text, and what is done to it before it may leave.

What belongs here: finding the text, redaction, cutting. What does not: whether it is wanted (`metering.py`), and how it
is kept apart from its event (`landing.py`, or the endpoint). All of it runs only where capturing is on.
"""

import json
from collections.abc import Mapping
from typing import Any, Callable, Optional

from meterhouse_sdk.fields import PROMPT_FIELDS
from meterhouse_sdk.looking import items, look

Redact = Callable[[str], str]
"""Takes a text and gives what of it may leave the process."""

_SYSTEM_ROLES = ("system", "developer")


def request_prompts(request: Mapping[str, Any]) -> dict[str, Any]:
    """The system prompt and the messages of a request to any of the clients `wrap` knows."""
    config = look(request, "config")
    system = next(
        (
            found
            for found in (
                look(request, "instructions"),
                look(request, "system"),
                look(config, "system_instruction"),
            )
            if found is not None
        ),
        None,
    )
    messages = next(
        (
            request[name]
            for name in ("messages", "input", "contents", "prompt")
            if request.get(name) is not None
        ),
        None,
    )
    if system is None and isinstance(messages, (list, tuple)):
        said = [message for message in messages if _is_system(message)]
        system = "\n".join(filter(None, map(text_of, said))) or None
    return {
        "system_prompt": text_of(system),
        "input_messages": None if messages is None else json.dumps(messages, default=_plain),
    }


def _is_system(message: Any) -> bool:
    return look(message, "role") in _SYSTEM_ROLES or look(message, "type") == "system"


def answer_text(answer: Any) -> Optional[str]:
    """The text of a whole answer: of completions, responses, messages, contents, conversations."""
    places = (
        [look(choice, "message", "content") for choice in items(look(answer, "choices"))],
        [look(part, "content") for part in items(look(answer, "output"))],
        [look(answer, "content")],
        [look(one, "content", "parts") for one in items(look(answer, "candidates"))],
        [look(answer, "output", "message", "content")],
    )
    for found in places:
        texts = list(filter(None, map(text_of, found)))
        if texts:
            return "\n".join(texts)
    return None


def streamed_text(item: Any) -> str:
    """The text that one item of a streamed answer adds."""
    delta = look(item, "delta")
    if isinstance(delta, str):
        return delta if str(look(item, "type") or "") == "response.output_text.delta" else ""
    found = (
        [look(choice, "delta", "content") for choice in items(look(item, "choices"))],
        [look(delta, "text")],
        [look(item, "contentBlockDelta", "delta", "text")],
        [text_of(look(one, "content", "parts")) for one in items(look(item, "candidates"))],
    )
    return "".join(text for texts in found for text in texts if isinstance(text, str))


def text_of(content: Any) -> Optional[str]:
    """The text of a message, of a content, of a list of parts, or of a text; None where there is none."""
    if content is None or isinstance(content, str):
        return content or None
    if isinstance(content, (list, tuple)):
        return "\n".join(filter(None, map(text_of, content))) or None
    for name in ("text", "content", "parts"):
        found = look(content, name)
        if isinstance(found, (str, list, tuple)):
            return text_of(found)
    return None


def fit_to_leave(prompts: Mapping[str, Any], redact: tuple[Redact, ...], most: int) -> dict[str, Any]:
    """The prompts redacted and then cut: every text went through every hook, and says so where it was cut.

    Args:
        prompts: Any of `PROMPT_FIELDS`.
        redact: The hooks, in order.
        most: Most characters of each field.

    Raises:
        Exception: What a hook raised, or TypeError where it gave no text; nothing may leave then.
    """
    kept = {name: prompts[name] for name in PROMPT_FIELDS if prompts.get(name) is not None}
    is_cut = bool(kept.pop("prompts_truncated", False))
    for name, value in kept.items():
        if name == "input_messages":
            messages = json.loads(value) if isinstance(value, str) else value
            messages = _redacted(json.loads(json.dumps(messages, default=_plain)), redact)
            kept[name], was_cut = _cut_messages(messages, most)
        else:
            text = _redacted(str(value), redact)
            kept[name], was_cut = text[:most], len(text) > most
        is_cut = is_cut or was_cut
    return {**kept, "prompts_truncated": True} if is_cut else kept


def _redacted(value: Any, redact: tuple[Redact, ...]) -> Any:
    """A JSON value with every text in it, keys too, as the hooks leave it."""
    if isinstance(value, list):
        return [_redacted(one, redact) for one in value]
    if isinstance(value, dict):
        return {_redacted(key, redact): _redacted(one, redact) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    for hook in redact:
        value = hook(value)
        if not isinstance(value, str):
            raise TypeError("a redaction hook must return a text")
    return value


def _cut_messages(messages: Any, most: int) -> tuple[str, bool]:
    """The newest messages that fit, as JSON; of a single one that does not fit, the beginning of its JSON as a text."""
    whole = json.dumps(messages)
    if len(whole) <= most:
        return whole, False
    kept: list[Any] = []
    length = 2
    for message in reversed(messages if isinstance(messages, list) else [messages]):
        length += len(json.dumps(message)) + 2
        if length > most:
            break
        kept.insert(0, message)
    if kept:
        return json.dumps(kept), True
    newest = messages[-1] if isinstance(messages, list) else messages
    return json.dumps([json.dumps(newest, ensure_ascii=False)[: most // 2]]), True


def _plain(value: Any) -> Any:
    """Objects of the clients as JSON; bytes, as images, are told by their length only."""
    if isinstance(value, (bytes, bytearray)):
        return f"({len(value)} bytes)"
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True, warnings=False)
    return str(value)
