"""What the callbacks of frameworks share: calls under way by the framework's own id, each metered once.

What belongs here: remembering a call from its start to its end, in bounded memory. What does not: what a
framework says about a call (`litellm_calls.py`, `langchain_calls.py`).
"""

import threading
from collections import OrderedDict
from typing import Any, Generic, Optional, TypeVar

Value = TypeVar("Value")

_MOST_REMEMBERED = 10_000


class Remembered(Generic[Value]):
    """Values by id, the oldest forgotten when there are too many: a framework may never say that a call ended."""

    def __init__(self) -> None:
        self._values: OrderedDict[Any, Value] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Any, value: Value) -> None:
        """Remember a value."""
        with self._lock:
            self._values[key] = value
            if len(self._values) > _MOST_REMEMBERED:
                self._values.popitem(last=False)

    def get(self, key: Any) -> Optional[Value]:
        """The value, if it is remembered."""
        with self._lock:
            return self._values.get(key)

    def take(self, key: Any) -> Optional[Value]:
        """The value, if it is remembered, and forget it."""
        with self._lock:
            return self._values.pop(key, None)
