"""JSON documents cut into the items they hold, the text of each untouched: numbers stay as they were written.

What belongs here: the cut. What does not: what an item says (`dialects/`, `checks.py`).
"""

import json
import re
from collections.abc import Iterator

_WHITESPACE_OR_COMMA = re.compile(r"[\s,]*")


def items_of_json(text: bytes) -> list[str]:
    """The items of a JSON array, or a document that is one item, each on one line.

    Where the JSON breaks, the rest is one item, which the judgement then refuses.
    """
    try:
        whole = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return [_on_one_line(text.decode("utf-8", "replace"))]
    start = len(whole) - len(whole.lstrip())
    if whole[start : start + 1] != "[":
        return [_on_one_line(whole)] if whole.strip() else []
    return [_on_one_line(item) for item in _array_items(whole, start + 1)]


def _array_items(whole: str, position: int) -> Iterator[str]:
    decoder = json.JSONDecoder()
    while True:
        position = _WHITESPACE_OR_COMMA.match(whole, position).end()  # type: ignore[union-attr]
        if whole[position : position + 1] == "]":
            if rest := whole[position + 1 :].strip():
                yield rest
            return
        try:
            _, end = decoder.raw_decode(whole, position)
        except (ValueError, RecursionError):
            yield whole[position:] or "["
            return
        yield whole[position:end]
        position = end


def _on_one_line(item: str) -> str:
    """A line end in JSON stands between tokens only: in a string it is an error, which it stays."""
    return item.replace("\n", " ").replace("\r", " ")
