"""A YAML file that holds one list of items, read by a form, with one sentence and line per fault.

What belongs here: the way from a text to checked items with their lines. What does not: any item's meaning
(`tagging.py`, `business_units.py`).
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from meterhouse.errors import MeterhouseError
from meterhouse.marked_yaml import YamlFault, child_of, line_of, read_document, repeated_keys

Form = TypeVar("Form", bound=BaseModel)
Fault = tuple[int, str]


class ItemsError(MeterhouseError):
    """A file is wrong; `faults` holds one sentence per fault, with file and line."""

    def __init__(self, faults: list[str], next_step: str) -> None:
        super().__init__("\n".join(faults), next_step)
        self.faults = faults


@dataclass(frozen=True)
class Items(Generic[Form]):
    """What a file holds, each item with the line it starts in, and what is wrong with it."""

    items: list[tuple[int, Form]]
    faults: list[Fault]


def read_text(path: Path, what: str, next_step: str) -> str:
    """A file's text.

    Raises:
        ItemsError: It cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ItemsError([f"{path}: the {what} cannot be read: {reason}."], next_step) from None


def read_items(text: str, key: str, form: type[Form], title: str) -> Items[Form]:
    """The items below `key`, the one key of the file, and every fault with its line.

    Args:
        text: The YAML.
        key: The key of the list.
        form: What an item is.
        title: What an item is called in a fault: "a rule".
    """
    try:
        root, data = read_document(text)
    except YamlFault as fault:
        return Items([], [(fault.line, str(fault))])
    if root is None or data is None:
        return Items([], [])
    if not isinstance(data, dict) or not isinstance(data.get(key, []), list):
        return Items([], [(line_of(root), f"the file must hold the list {key}.")])
    faults = [(line, f"the key {name!r} stands twice.") for name, line in repeated_keys(root, 1)]
    faults += [
        (line_of(child_of(root, name)), f"unknown key {name!r}; the file holds the list {key}.")
        for name in data
        if name != key
    ]
    items: list[tuple[int, Form]] = []
    for position, item in enumerate(data.get(key) or []):
        node = child_of(child_of(root, key), position)
        faults += [(line, f"the key {name!r} stands twice.") for name, line in repeated_keys(node)]
        try:
            items.append((line_of(node), form.model_validate(item)))
        except ValidationError as error:
            faults += [_explained(form, title, details, node) for details in error.errors()]
    return Items(items, faults)


def raise_faults(name: str, faults: list[Fault], next_step: str) -> None:
    """Raise the faults, each once, in the order of their lines, when there are any.

    Raises:
        ItemsError: There are.
    """
    if faults:
        raise ItemsError([f"{name}:{line}: {text}" for line, text in sorted(set(faults))], next_step)


def _explained(form: type[BaseModel], title: str, details: Any, node: yaml.Node) -> Fault:
    found, place = node, [str(part) for part in details["loc"] if part != "[key]"]
    for part in details["loc"]:
        found = child_of(found, part)
    line, message = line_of(found), details["msg"].removeprefix("Value error, ")
    keys = [field.alias or name for name, field in form.model_fields.items()]
    if not place:
        is_ours = details["type"] == "value_error"
        return (
            line,
            f"{title}: {message}." if is_ours else f"{title} must be a mapping with {', '.join(keys)}.",
        )
    if details["type"] == "missing":
        return line, f"{title} has no {place[-1]}."
    if details["type"] == "extra_forbidden":
        near = get_close_matches(place[-1], keys, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"{title} has {', '.join(keys)}."
        return line, f"unknown key {place[-1]!r}; {hint}"
    sentence = f"{title}: {'.'.join(place)}: {message}"
    return line, sentence if sentence.endswith("?") else f"{sentence}."
