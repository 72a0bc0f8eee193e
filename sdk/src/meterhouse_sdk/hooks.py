"""Hooks: a client's method, metered without being changed.

What belongs here: running our code around one call, sync or async, so that the caller sees the very answer or
exception of the client. What does not: which methods those are (`wrapping.py`), and what answers say.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, Callable, Optional

from meterhouse_sdk import trouble
from meterhouse_sdk.calls import Call

Begin = Callable[[tuple[Any, ...], dict[str, Any]], Optional[Call]]
"""Starts the call of these arguments, or says that it is none of ours; may change the keyword arguments."""
Conclude = Callable[[Call, Any], Any]
"""Reads the answer and returns what the caller gets: the answer itself, or the same stream, watched."""


def metered(method: Callable[..., Any], begin: Begin, conclude: Conclude) -> Callable[..., Any]:
    """The method with every call metered, and held back where a cost control says so."""
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def metered_async(*args: Any, **options: Any) -> Any:
            call = _begin(begin, args, options)
            _admit(call)
            try:
                answer = await method(*args, **options)
            except BaseException as error:
                _fail(call, error)
                raise
            return _conclude(conclude, call, answer)

        return metered_async

    @functools.wraps(method)
    def metered_sync(*args: Any, **options: Any) -> Any:
        call = _begin(begin, args, options)
        _admit(call)
        try:
            answer = method(*args, **options)
        except BaseException as error:
            _fail(call, error)
            raise
        return _conclude(conclude, call, answer)

    return metered_sync


def as_mapping(value: Any) -> Mapping[str, Any]:
    """A mapping as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def _begin(begin: Begin, args: tuple[Any, ...], options: dict[str, Any]) -> Optional[Call]:
    with trouble.kept_from_caller("starting a call"):
        return begin(args, options)
    return None


def _admit(call: Optional[Call]) -> None:
    """Raise what holds the call back."""
    if call is not None:
        call.admit()


def _fail(call: Optional[Call], error: BaseException) -> None:
    if call is not None:
        with trouble.kept_from_caller("metering an error"):
            call.fail(error)


def _conclude(conclude: Conclude, call: Optional[Call], answer: Any) -> Any:
    if call is not None:
        with trouble.kept_from_caller("reading an answer"):
            return conclude(call, answer)
    return answer
