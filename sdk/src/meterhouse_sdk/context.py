"""Attribution: who and what the calls in a block, function or thread are made for.

What belongs here: the current attribution, how nested ones merge, and how it reaches other threads. What
does not: the defaults of the process (`config.py`).
"""

import contextlib
import functools
import inspect
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, Token
from types import MappingProxyType, TracebackType
from typing import Any, Callable, Optional, TypeVar, cast

from meterhouse_sdk import trouble
from meterhouse_sdk.fields import ATTRIBUTION_FIELDS

Function = TypeVar("Function", bound=Callable[..., Any])

CAPTURE = "capture_prompts"
"""The key of an attribution that is no field: whether prompts are captured."""
NOTHING: Mapping[str, Any] = MappingProxyType({})
_current: ContextVar[Mapping[str, Any]] = ContextVar("meterhouse_attribution", default=NOTHING)


def current() -> Mapping[str, Any]:
    """The attribution in force here: field names to values, and `metadata`, a mapping.

    Where OpenTelemetry has a current span, its trace and span ids are part of it, unless a trace was named.
    """
    attribution = _current.get()
    if "trace_id" in attribution:
        return attribution
    ids = _opentelemetry_ids()
    return {**ids, **attribution} if ids else attribution


def merge(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Outer attribution overlaid by inner: inner wins, None clears, `metadata` merges key by key."""
    merged = _without_nulls({**outer, **inner})
    metadata = _without_nulls({**_keys_of(outer.get("metadata")), **_keys_of(inner.get("metadata"))})
    if metadata:
        merged["metadata"] = metadata
    else:
        merged.pop("metadata", None)
    return merged


def overlaid(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Layers of attribution as `merge` overlays them, outermost first; in what comes out None may stand for nothing."""
    overlay: dict[str, Any] = {}
    for layer in layers:
        if "metadata" in layer and "metadata" in overlay:
            overlay = merge(overlay, layer)
        else:
            overlay.update(layer)
    return overlay


class attribute:  # noqa: N801
    """Attribute every call inside to a customer, product, agent, ...: a context manager and a decorator.

    Nested ones merge, see `merge`. Works in asyncio (each task has its own); a plain thread starts with
    none unless its function went through `carry` or its pool is an `AttributedThreadPoolExecutor`.

    Args:
        metadata: Extra keys of your own, strings and numbers.
        capture_prompts: Whether prompts and answers of these calls are captured, over the rule of
            `configure()`.
        fields: Any of `ATTRIBUTION_FIELDS`; other names are kept under metadata, and logged once.
    """

    def __init__(
        self,
        *,
        metadata: Optional[Mapping[str, Any]] = None,
        capture_prompts: Optional[bool] = None,
        **fields: Any,
    ) -> None:
        strange = {name: value for name, value in fields.items() if name not in ATTRIBUTION_FIELDS}
        for name in strange:
            trouble.note("unknown_fields", name, f"attribute() knows no field {name!r}: kept under metadata.")
        self._fields = {name: value for name, value in fields.items() if name not in strange}
        if capture_prompts is not None:
            self._fields[CAPTURE] = capture_prompts
        if metadata or strange:
            self._fields["metadata"] = {**(metadata or {}), **strange}
        self._tokens: list[Token[Mapping[str, Any]]] = []

    def __enter__(self) -> "attribute":
        self._tokens.append(_current.set(merge(_current.get(), self._fields)))
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        token = self._tokens.pop()
        # A block that was entered in one context and is left in another (an abandoned async generator) has
        # nothing to undo.
        with contextlib.suppress(ValueError):
            _current.reset(token)

    def __call__(self, function: Function) -> Function:
        """Decorate a function or coroutine function; each call gets a block of its own."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"attribute() cannot decorate the generator {function.__name__}: use it as a block inside."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def attributed_coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast(Function, attributed_coroutine)

        @functools.wraps(function)
        def attributed(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast(Function, attributed)

    def _again(self) -> "attribute":
        block = attribute()
        block._fields = self._fields
        return block


def carry(function: Function) -> Function:
    """The function, bound to the attribution in force now, wherever and however often it runs later.

    For threads: `Thread(target=carry(work))`, `pool.map(carry(work), items)`.
    """
    attribution = _current.get()

    @functools.wraps(function)
    def carried(*args: Any, **kwargs: Any) -> Any:
        token = _current.set(attribution)
        try:
            return function(*args, **kwargs)
        finally:
            _current.reset(token)

    return cast(Function, carried)


class AttributedThreadPoolExecutor(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` whose tasks run under the attribution in force when they were submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Schedule `fn(*args, **kwargs)`, as in the standard library."""
        return super().submit(carry(fn), *args, **kwargs)


def _opentelemetry_ids() -> Mapping[str, str]:
    """Ids of OpenTelemetry's current span; the application has loaded it, or there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return NOTHING
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return NOTHING
    return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}


def _keys_of(metadata: Any) -> Mapping[str, Any]:
    if metadata is None:
        return NOTHING
    return metadata if isinstance(metadata, Mapping) else {"metadata": metadata}


def _without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
