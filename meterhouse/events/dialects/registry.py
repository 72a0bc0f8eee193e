"""The dialects of foreign payloads by name: one line each."""

import json

from meterhouse.events.dialects import litellm, otlp, revenium
from meterhouse.events.dialects.foreign import Item, Reader, native_items
from meterhouse.events.items import items_of_json

READERS: dict[str, Reader] = {
    "revenium": revenium.events,
    "otlp": otlp.events,
    "litellm": litellm.events,
}
"""What reads one JSON document of a dialect."""


def items_of_file(dialect: str, text: bytes) -> list[Item]:
    """The native lines of a file: JSON lines, one JSON document, or an array of them."""
    documents = text.decode("utf-8", "replace").splitlines() if _is_json_lines(text) else items_of_json(text)
    return [
        item
        for document in documents
        if document.strip()
        for item in native_items(document, READERS[dialect])
    ]


def _is_json_lines(text: bytes) -> bool:
    """Whether the first line is an object by itself."""
    try:
        return isinstance(json.loads(text.lstrip().partition(b"\n")[0]), dict)
    except (ValueError, RecursionError):
        return False
