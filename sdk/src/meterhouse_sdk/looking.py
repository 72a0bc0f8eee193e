"""Looking into what clients give us: mappings or objects, in which anything may be missing.

What belongs here: finding a value without ever raising. What does not: what the values mean (`*_answers.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any


def look(source: Any, *path: str) -> Any:
    """The value at a path of keys or attributes; None where any of it is missing."""
    for name in path:
        source = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return source


def items(value: Any) -> Iterable[Any]:
    """The items of a list that may be missing."""
    return value if isinstance(value, (list, tuple)) else ()
