"""Tools: functions of the application that an agent calls, metered as tool events.

What belongs here: the decorator. What does not: tools a provider runs on its side, which are part of its answers.
"""

from typing import Any, Callable, Optional, TypeVar, cast

from meterhouse_sdk.calls import Answer, Call, Endpoint
from meterhouse_sdk.hooks import metered

Function = TypeVar("Function", bound=Callable[..., Any])

_TOOL = Endpoint("tool", lambda _: Answer(), None, dict)


def tool(name: Optional[str] = None, *, provider: str = "application") -> Callable[[Function], Function]:
    """Meter every call of a function as a tool event: how long it took, and whether it failed.

    Works on functions and coroutine functions; arguments and results are not kept. Its cost, where it has one,
    is for `meter(operation="tool", client_cost_usd=...)`.

    Args:
        name: What the tool is called, kept as `metadata.tool`; default the function's name.
        provider: Who runs it.
    """

    def decorate(function: Function) -> Function:
        known_as = name or function.__name__

        def begin(_args: tuple[Any, ...], _options: dict[str, Any]) -> Call:
            return Call(_TOOL, provider, {}, {"metadata": {"tool": known_as}})

        def conclude(call: Call, answer: Any) -> Any:
            call.succeed(Answer())
            return answer

        return cast(Function, metered(function, begin, conclude))

    return decorate
