"""Wrapping clients: every metered call of an `openai` or `anthropic` client passes through its `post`.

What belongs here: hooking clients, and telling which calls are metered. What does not: what answers say, or
what becomes of events. `create`, `parse`, `stream`, beta and raw variants all send by `client.post`, so all
are metered alike.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, Callable, Optional, TypeVar

from meterhouse_sdk import anthropic_answers, metering, openai_answers, streams, trouble
from meterhouse_sdk.calls import Answer, Call, Endpoint

Client = TypeVar("Client")

_ENDPOINTS: dict[str, dict[str, Endpoint]] = {
    "openai": openai_answers.ENDPOINTS,
    "anthropic": anthropic_answers.ENDPOINTS,
}
_PROVIDERS_BY_CLASS = {
    "AzureOpenAI": "azure_openai",
    "AsyncAzureOpenAI": "azure_openai",
    "AnthropicBedrock": "aws_bedrock",
    "AsyncAnthropicBedrock": "aws_bedrock",
    "AnthropicVertex": "google",
    "AsyncAnthropicVertex": "google",
}
_MARK = "_meterhouse_provider"


def wrap(client: Client, *, provider: Optional[str] = None) -> Client:
    """Meter every call of this client, and of its copies, from now on; returns the same client.

    Metered are chat completions, responses, embeddings and messages, in every variant, sync and async,
    whole and streamed. Calls, answers and exceptions stay as they are. Wrapping twice is wrapping once.
    Wrap a client before taking resources (`client.chat.completions`) from it.

    Args:
        client: A client of the `openai` or `anthropic` package; anything else is returned as it is, with a
            log line.
        provider: Who serves the calls, as named by its connection; needed when an OpenAI-compatible client
            calls someone else by `base_url`. Default by the client's class.
    """
    with trouble.kept_from_caller("wrapping a client"):
        if _MARK not in vars(client):
            _hook(client, provider)
    return client


def _hook(client: Any, provider: Optional[str]) -> None:
    package, default_provider = _served_by(type(client))
    if package is None:
        trouble.note(
            "failed",
            "wrap",
            f"wrap() knows no client of type {type(client).__name__}: its calls are not metered.",
        )
        return
    served_by = provider or default_provider
    client.post = _metered(client.post, _ENDPOINTS[package], served_by)
    for name in ("copy", "with_options"):
        setattr(client, name, _wrapping_copies(getattr(client, name), served_by))
    _forget_cached_resources(client)
    setattr(client, _MARK, served_by)


def _served_by(client_class: type) -> tuple[Optional[str], str]:
    for base in client_class.__mro__:
        package = base.__module__.partition(".")[0]
        if package in _ENDPOINTS:
            return package, _PROVIDERS_BY_CLASS.get(base.__name__, package)
    return None, ""


def _metered(
    post: Callable[..., Any], endpoints: Mapping[str, Endpoint], provider: str
) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(post):

        @functools.wraps(post)
        async def metered_async(path: str, **options: Any) -> Any:
            call = _begin(path, options, endpoints, provider)
            if call is None:
                return await post(path, **options)
            try:
                answer = await post(path, **options)
            except BaseException as error:
                _fail(call, error)
                raise
            _conclude(call, answer)
            return answer

        return metered_async

    @functools.wraps(post)
    def metered(path: str, **options: Any) -> Any:
        call = _begin(path, options, endpoints, provider)
        if call is None:
            return post(path, **options)
        try:
            answer = post(path, **options)
        except BaseException as error:
            _fail(call, error)
            raise
        _conclude(call, answer)
        return answer

    return metered


def _begin(
    path: str, options: dict[str, Any], endpoints: Mapping[str, Endpoint], provider: str
) -> Optional[Call]:
    with trouble.kept_from_caller("starting a call"):
        endpoint = endpoints.get(path.partition("?")[0].removeprefix("/v1"))
        body = options.get("body")
        if endpoint is not None:
            call = Call(endpoint, provider, body if isinstance(body, Mapping) else {})
            _ask_for_stream_usage(path, options)
            return call
    return None


def _ask_for_stream_usage(path: str, options: dict[str, Any]) -> None:
    body = options.get("body")
    if path != "/chat/completions" or not isinstance(body, Mapping) or not body.get("stream"):
        return
    if metering.settings().is_stream_usage_asked:
        stream_options = {"include_usage": True, **(body.get("stream_options") or {})}
        options["body"] = {**body, "stream_options": stream_options}


def _fail(call: Call, error: BaseException) -> None:
    with trouble.kept_from_caller("metering an error"):
        call.fail(error)


def _conclude(call: Call, answer: Any) -> None:
    with trouble.kept_from_caller("reading an answer"):
        reader = call.endpoint.stream_reader
        if reader is not None and hasattr(answer, "_iterator"):
            streams.watch_stream(answer, call, reader())
        elif hasattr(answer, "http_response"):
            call.succeed(_read_raw(call.endpoint, answer.http_response))
        else:
            call.succeed(call.endpoint.read_answer(answer))


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
