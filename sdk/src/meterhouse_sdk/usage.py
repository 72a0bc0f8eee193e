"""A provider's own usage object, split into the event's disjoint quantities.

What belongs here: what each provider counts inside and outside its totals. What does not: where the usage
object is found in an answer (`*_answers.py`). Nothing is guessed: usage whose
parts do not add up, or overlap in a way it does not tell, is `UndecidableError`.
"""

from collections.abc import Mapping
from typing import Any, Optional, Union

Usage = Mapping[str, Any]
Quantities = dict[str, Union[int, float]]
"""Counts; seconds may have a fraction."""


class UndecidableError(Exception):
    """This usage object cannot be split into disjoint quantities without guessing; the message says why."""


def openai_quantities(usage: Usage) -> Quantities:
    """Quantities of an OpenAI usage object: chat completions, responses or embeddings.

    Cached, cache-write, audio and image tokens are inside the input; reasoning, audio and image tokens
    inside the output (contract OpenAI §1.6).

    Raises:
        UndecidableError: parts exceed their whole, the total is not input plus output, or cached tokens
            may be audio or image.
    """
    total_input = _needed(usage, "prompt_tokens", "input_tokens")
    total_output = _count(usage, "completion_tokens", "output_tokens")
    total = _count(usage, "total_tokens")
    if total is not None and total != total_input + (total_output or 0):
        raise UndecidableError(f"the total of {total} tokens is not input plus output")
    into = _details(usage, "prompt_tokens_details", "input_tokens_details")
    outof = _details(usage, "completion_tokens_details", "output_tokens_details")
    if _count(_details(into, "cache_write_tokens_details"), "ttl_12h_tokens"):
        raise UndecidableError("the event has no quantity for tokens written to a 12 hour cache")
    parts = {
        "cache_read_tokens": _count(into, "cached_tokens"),
        "cache_write_5m_tokens": _count(into, "cache_write_tokens"),
        "audio_input_tokens": _count(into, "audio_tokens"),
        "image_input_tokens": _count(into, "image_tokens"),
    }
    _refuse_overlap(parts, _count(into, "text_tokens"), total_input)
    produced = {
        "audio_output_tokens": _count(outof, "audio_tokens"),
        "image_output_tokens": _count(outof, "image_tokens"),
    }
    reasoning = _count(outof, "reasoning_tokens", "thinking_tokens")
    return _known(
        input_tokens=_rest(total_input, parts, "input"),
        output_tokens=None if total_output is None else _rest(total_output, produced, "output"),
        reasoning_tokens=reasoning,
        **parts,
        **produced,
    )


def openai_image_quantities(usage: Usage) -> Quantities:
    """Quantities of an image answer: text and images in; what comes out are image tokens, unless it says more.

    Raises:
        UndecidableError: parts exceed their whole, or the total is not input plus output.
    """
    made = _needed(usage, "output_tokens")
    details = _details(usage, "output_tokens_details") or {"image_tokens": made}
    return openai_quantities({**usage, "output_tokens_details": details})


def openai_transcript_quantities(usage: Usage) -> Quantities:
    """Quantities of a transcript: tokens, or seconds of audio, as its model is billed.

    Raises:
        UndecidableError: it is of neither kind, or parts exceed their whole.
    """
    if usage.get("type") == "duration":
        seconds: Any = usage.get("seconds")
        if type(seconds) not in (int, float) or not 0 <= seconds < float("inf"):
            raise UndecidableError(f"seconds is {seconds!r}, not a duration")
        return {"audio_seconds": seconds}
    return openai_quantities({**usage, "input_tokens_details": _details(usage, "input_token_details")})


def openai_speech_quantities(usage: Usage) -> Quantities:
    """Quantities of streamed speech: text in, audio out.

    Raises:
        UndecidableError: a count is missing, or the total is not input plus output.
    """
    made = _needed(usage, "output_tokens")
    return openai_quantities({**usage, "output_tokens_details": {"audio_tokens": made}})


def anthropic_quantities(usage: Usage) -> Quantities:
    """Quantities of an Anthropic usage object.

    Cache reads and writes are outside the input (contract Anthropic §2.7). Without a breakdown by lifetime,
    writes went to the default 5 minute cache. What a compaction used is outside the totals and is added.

    Raises:
        UndecidableError: the breakdown of cache writes is not their sum, or another model did a part.
    """
    own = _anthropic_tokens(usage)
    for iteration in usage.get("iterations") or ():
        if iteration.get("type") == "compaction":
            for name, tokens in _anthropic_tokens(iteration).items():
                own[name] = own.get(name, 0) + tokens
        elif iteration.get("type") != "message":
            raise UndecidableError(f"a part of type {iteration.get('type')!r} was done by another model")
    return own | _known(
        reasoning_tokens=_count(_details(usage, "output_tokens_details"), "thinking_tokens"),
        web_searches=_count(_details(usage, "server_tool_use"), "web_search_requests"),
    )


def google_quantities(usage: Usage) -> Quantities:
    """Quantities of Gemini's usage metadata.

    Cached tokens are inside the prompt; thoughts, and what tools put into the prompt, are outside candidates
    and prompt, but inside the total. Modalities stand in lists of their own (contract focus-prices-otel §3).

    Raises:
        UndecidableError: parts exceed their whole, or the total is not their sum.
    """
    prompt = _needed(usage, "prompt_token_count")
    from_tools = _count(usage, "tool_use_prompt_token_count") or 0
    made, thought = _count(usage, "candidates_token_count"), _count(usage, "thoughts_token_count")
    total = _count(usage, "total_token_count")
    if total is not None and total != prompt + from_tools + (made or 0) + (thought or 0):
        raise UndecidableError(f"the total of {total} tokens is not the sum of its parts")
    cached = _count(usage, "cached_content_token_count")
    media = _modalities(usage, "prompt_tokens_details")
    cached_media = _modalities(usage, "cache_tokens_details")
    if cached and any(media.values()) and not usage.get("cache_tokens_details"):
        raise UndecidableError("cached tokens may be among the audio, image or video tokens")
    parts = {
        "cache_read_tokens": cached,
        **{f"{kind}_input_tokens": tokens - cached_media.get(kind, 0) for kind, tokens in media.items()},
    }
    produced = {
        f"{kind}_output_tokens": tokens
        for kind, tokens in _modalities(usage, "candidates_tokens_details").items()
        if kind != "video"
    }
    has_output = made is not None or thought is not None
    return _known(
        input_tokens=_rest(prompt + from_tools, parts, "input"),
        output_tokens=_rest((made or 0) + (thought or 0), produced, "output") if has_output else None,
        reasoning_tokens=thought,
        **parts,
        **produced,
    )


def bedrock_quantities(usage: Usage) -> Quantities:
    """Quantities of a Bedrock usage object, or of Bedrock's counts beside a model's own answer.

    Cache reads and writes are outside the input (contract AWS §1.4); without a breakdown by lifetime, writes
    went to the default 5 minute cache.

    Raises:
        UndecidableError: a count is missing, or the total is not the sum.
    """
    written = _count(usage, "cacheWriteInputTokens")
    written_1h = sum(
        _count(detail, "inputTokens") or 0
        for detail in usage.get("cacheDetails") or ()
        if detail.get("ttl") == "1h"
    )
    quantities = _known(
        input_tokens=_needed(usage, "inputTokens"),
        cache_read_tokens=_count(usage, "cacheReadInputTokens"),
        cache_write_5m_tokens=None if written is None else _rest(written, {"1h": written_1h}, "cache writes"),
        cache_write_1h_tokens=written_1h or None,
        output_tokens=_count(usage, "outputTokens"),
    )
    total = _count(usage, "totalTokens")
    if total is not None and total != sum(quantities.values()):
        raise UndecidableError(f"the total of {total} tokens is not the sum of its parts")
    return quantities


def litellm_quantities(usage: Usage) -> Quantities:
    """Quantities of LiteLLM's usage, whose prompt includes what was read from and written to a cache.

    Raises:
        UndecidableError: parts exceed their whole, the total is not their sum, or a cache has a lifetime that
            an event has no quantity for.
    """
    details = dict(_details(usage, "prompt_tokens_details"))
    for name, total in (
        ("cached_tokens", "cache_read_input_tokens"),
        ("cache_write_tokens", "cache_creation_input_tokens"),
    ):
        if details.get(name) is None:
            details[name] = usage.get(total)
    quantities = openai_quantities({**usage, "prompt_tokens_details": details})
    written = _details(details, "cache_creation_token_details")
    if _count(written, "ephemeral_30m_input_tokens") or _count(written, "ephemeral_12h_input_tokens"):
        raise UndecidableError("the event has no quantity for tokens written to a 30 minute or 12 hour cache")
    written_1h = _count(written, "ephemeral_1h_input_tokens")
    if written_1h:
        quantities["cache_write_1h_tokens"] = written_1h
        quantities["cache_write_5m_tokens"] = _rest(
            int(quantities.get("cache_write_5m_tokens", 0)), {"1h": written_1h}, "cache writes"
        )
    searches = _known(web_searches=_count(_details(usage, "server_tool_use"), "web_search_requests"))
    return {**quantities, **searches}


def langchain_quantities(usage: Usage) -> Quantities:
    """Quantities of LangChain's usage metadata, whose input includes what was read from and written to a cache.

    Raises:
        UndecidableError: parts exceed their whole, or the total is not input plus output.
    """
    details = _details(usage, "input_token_details")
    by_lifetime = (_count(details, "ephemeral_5m_input_tokens"), _count(details, "ephemeral_1h_input_tokens"))
    written_5m, written_1h = by_lifetime if any(by_lifetime) else (_count(details, "cache_creation"), None)
    total_input = _needed(usage, "input_tokens")
    total_output = _needed(usage, "output_tokens")
    total = _count(usage, "total_tokens")
    if total is not None and total != total_input + total_output:
        raise UndecidableError(f"the total of {total} tokens is not input plus output")
    produced = _details(usage, "output_token_details")
    parts = {
        "cache_read_tokens": _count(details, "cache_read"),
        "cache_write_5m_tokens": written_5m,
        "cache_write_1h_tokens": written_1h,
        "audio_input_tokens": _count(details, "audio"),
    }
    if parts["audio_input_tokens"] and parts["cache_read_tokens"]:
        raise UndecidableError("cached tokens may be among the audio tokens")
    audio_output = {"audio_output_tokens": _count(produced, "audio")}
    return _known(
        input_tokens=_rest(total_input, parts, "input"),
        output_tokens=_rest(total_output, audio_output, "output"),
        reasoning_tokens=_count(produced, "reasoning"),
        **parts,
        **audio_output,
    )


def _modalities(usage: Usage, name: str) -> dict[str, int]:
    """Tokens by audio, image and video; text and documents are what is left."""
    found: dict[str, int] = {}
    for detail in usage.get(name) or ():
        kind = str(detail.get("modality") or "").lower()
        if kind in ("audio", "image", "video"):
            found[kind] = found.get(kind, 0) + (_count(detail, "token_count") or 0)
    return found


def _anthropic_tokens(usage: Usage) -> Quantities:
    written = _count(usage, "cache_creation_input_tokens")
    by_lifetime = _details(usage, "cache_creation")
    written_5m = _count(by_lifetime, "ephemeral_5m_input_tokens") if by_lifetime else written
    written_1h = _count(by_lifetime, "ephemeral_1h_input_tokens")
    if written is not None and written != (written_5m or 0) + (written_1h or 0):
        raise UndecidableError(
            f"the {written} tokens written to the cache are not the sum of their lifetimes"
        )
    return _known(
        input_tokens=_needed(usage, "input_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_5m_tokens=written_5m,
        cache_write_1h_tokens=written_1h,
        output_tokens=_needed(usage, "output_tokens"),
    )


def _refuse_overlap(parts: Mapping[str, Optional[int]], text: Optional[int], total_input: int) -> None:
    cached = (parts["cache_read_tokens"] or 0) + (parts["cache_write_5m_tokens"] or 0)
    media = (parts["audio_input_tokens"] or 0) + (parts["image_input_tokens"] or 0)
    is_disjoint = text is not None and text + cached + media == total_input
    if cached and media and not is_disjoint:
        raise UndecidableError("cached tokens may be among the audio or image tokens")


def _rest(whole: int, parts: Mapping[str, Optional[int]], name: str) -> int:
    rest = whole - sum(part or 0 for part in parts.values())
    if rest < 0:
        raise UndecidableError(f"the parts of the {name} exceed its {whole} tokens")
    return rest


def _needed(usage: Usage, *names: str) -> int:
    count = _count(usage, *names)
    if count is None:
        raise UndecidableError(f"{' or '.join(names)} is missing")
    return count


def _count(usage: Usage, *names: str) -> Optional[int]:
    for name in names:
        value = usage.get(name)
        if value is None:
            continue
        if type(value) is not int or value < 0:
            raise UndecidableError(f"{name} is {value!r}, not a count")
        return value
    return None


def _details(usage: Usage, *names: str) -> Usage:
    for name in names:
        value = usage.get(name)
        if isinstance(value, Mapping):
            return value
    return {}


def _known(**quantities: Optional[int]) -> Quantities:
    return {name: quantity for name, quantity in quantities.items() if quantity is not None}
