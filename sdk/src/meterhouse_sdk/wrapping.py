"""Wrapping clients: which client is hooked how, and the clients whose calls all pass through one `post`.

What belongs here: telling clients apart, and hooking `openai` and `anthropic`, whose `create`, `parse`,
`stream`, beta and raw variants all send by `client.post`, so that all are metered alike. What does not: what
answers say, or what becomes of events.
"""

import functools
from collections.abc import Mapping
from functools import partial
from typing import Any, Callable, Optional, TypeVar

from meterhouse_sdk import (
    anthropic_answers,
    bedrock_answers,
    google_answers,
    openai_answers,
    process,
    streams,
    trouble,
)
from meterhouse_sdk.calls import Answer, Call, Endpoint
from meterhouse_sdk.hooks import as_mapping, metered

Client = TypeVar("Client")

_BEDROCK = "bedrock-runtime"
_PROVIDERS = {
    "google.genai": "google",
    "botocore": "aws_bedrock",
    "AzureOpenAI": "azure_openai",
    "AsyncAzureOpenAI": "azure_openai",
    "AnthropicBedrock": "aws_bedrock",
    "AsyncAnthropicBedrock": "aws_bedrock",
    "AnthropicVertex": "google",
    "AsyncAnthropicVertex": "google",
}
"""Who serves the calls, by class or package, where it is not named like the package."""
_MARK = "_meterhouse_provider"


def wrap(client: Client, *, provider: Optional[str] = None) -> Client:
    """Meter every call of this client, and of its copies, from now on; returns the same client.

    Metered are chat completions, responses, embeddings and messages, Gemini's content, embeddings, images
    and videos, Bedrock's conversations and invocations: in every variant, sync and async, whole and
    streamed. Calls, answers and exceptions stay as they are, but a call that a cost control blocks raises
    `BudgetExceeded`. Wrapping twice is wrapping once. Wrap a client before taking resources
    (`client.chat.completions`) from it.

    Args:
        client: A client of `openai`, `anthropic` or `google.genai`, or boto3's `bedrock-runtime`; anything
            else is returned as it is, with a log line.
        provider: Who serves the calls, as named by its connection; needed when an OpenAI-compatible client
            calls someone else by `base_url`. Default by the client's class.
    """
    with trouble.kept_from_caller("wrapping a client"):
        if _MARK not in vars(client):
            _hook(client, provider)
            process.expect_calls()
    return client


def _hook(client: Any, provider: Optional[str]) -> None:
    package, default_provider = _served_by(type(client))
    if package is None or (package == "botocore" and client.meta.service_model.service_name != _BEDROCK):
        trouble.note(
            "failed",
            "wrap",
            f"wrap() knows no client of type {type(client).__name__}: its calls are not metered.",
        )
        return
    served_by = provider or default_provider
    _HOOKS[package](client, served_by)
    setattr(client, _MARK, served_by)


def _served_by(client_class: type) -> tuple[Optional[str], str]:
    for base in client_class.__mro__:
        package = next((name for name in _HOOKS if f"{base.__module__}.".startswith(f"{name}.")), None)
        if package is not None:
            return package, _PROVIDERS.get(base.__name__) or _PROVIDERS.get(package, package)
    return None, ""


def _hook_post(client: Any, provider: str, endpoints: Mapping[str, Endpoint]) -> None:
    """Meter a client of `openai` or `anthropic`, whose calls are all sent by `post`."""

    def begin(args: tuple[Any, ...], options: dict[str, Any]) -> Optional[Call]:
        path = str(args[0] if args else options.get("path", ""))
        endpoint = endpoints.get(path.partition("?")[0].removeprefix("/v1"))
        if endpoint is None:
            return None
        call = Call(endpoint, provider, as_mapping(options.get("body")))
        _ask_for_stream_usage(path, options)
        return call

    client.post = metered(client.post, begin, _conclude_post)
    for name in ("copy", "with_options"):
        setattr(client, name, _wrapping_copies(getattr(client, name), provider))
    _forget_cached_resources(client)


def _ask_for_stream_usage(path: str, options: dict[str, Any]) -> None:
    body = options.get("body")
    if path != "/chat/completions" or not isinstance(body, Mapping) or not body.get("stream"):
        return
    if process.settings().is_stream_usage_asked:
        stream_options = {"include_usage": True, **(body.get("stream_options") or {})}
        options["body"] = {**body, "stream_options": stream_options}


def _conclude_post(call: Call, answer: Any) -> Any:
    reader = call.endpoint.stream_reader
    is_parsed = hasattr(type(answer), "model_dump")  # Asking it for attributes it has not is slow.
    if not is_parsed and reader is not None and hasattr(answer, "_iterator"):
        streams.watch_stream(answer, call, reader())
    elif not is_parsed and hasattr(answer, "http_response"):
        call.succeed(_read_raw(call.endpoint, answer.http_response))
    else:
        call.answer_came(answer)
        call.succeed(call.endpoint.read_answer(answer))
    return answer


def _read_raw(endpoint: Endpoint, http_response: Any) -> Answer:
    try:
        return endpoint.read_answer(http_response.json())
    except Exception:
        return Answer()  # Its body is still to be read, by the caller: what it used stays unknown.


def _wrapping_copies(copy: Callable[..., Any], provider: str) -> Callable[..., Any]:
    @functools.wraps(copy)
    def wrapped_copy(*args: Any, **options: Any) -> Any:
        return wrap(copy(*args, **options), provider=provider)

    return wrapped_copy


def _forget_cached_resources(client: Any) -> None:
    """Resources made before keep the unmetered `post`; forgotten, they are made again on next use."""
    for name in list(vars(client)):
        if isinstance(getattr(type(client), name, None), functools.cached_property):
            del vars(client)[name]


_HOOKS: dict[str, Callable[[Any, str], None]] = {
    "openai": partial(_hook_post, endpoints=openai_answers.ENDPOINTS),
    "anthropic": partial(_hook_post, endpoints=anthropic_answers.ENDPOINTS),
    "google.genai": google_answers.hook,
    "botocore": bedrock_answers.hook,
}
"""How to hook a client, by the package of its class."""
