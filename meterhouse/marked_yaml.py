"""YAML files that people write, read with the line each value stands in.

What belongs here: documents, nodes and lines. What does not: what a file means, and the words for its faults
(`alerts/rules_file.py`, `pricing/overrides_file.py`).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"


class YamlFault(Exception):  # noqa: N818
    """A text that is no YAML: one sentence, and the line it is about."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


class _Loader(yaml.SafeLoader):
    """YAML with decimals kept as the text they are written in."""


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:float", _as_written)


def read_document(text: str) -> tuple[yaml.Node | None, Any]:
    """The root node of a YAML text, for its lines, and its data; None and None where it is empty.

    Raises:
        YamlFault: The text is no YAML, or holds a value that cannot be read.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is not YAML"
        raise YamlFault(mark.line + 1 if mark else 1, f"the YAML cannot be read: {problem}.") from None
    except ValueError as error:
        sentence = f"the YAML holds a value that cannot be read: {error}; put it in quotes."
        raise YamlFault(1, sentence) from None


def child_of(node: yaml.Node, part: int | str) -> yaml.Node:
    """The value below a key or index; the node itself where there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), node)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return node


def line_of(node: yaml.Node) -> int:
    """The line a node starts in, from 1."""
    return int(node.start_mark.line) + 1


def repeated_keys(node: yaml.Node, depth: int = 3) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in a mapping, down to a depth, and the line of the last: YAML would silently keep that."""
    if not isinstance(node, yaml.MappingNode) or depth == 0:
        return
    counts = Counter(str(key.value) for key, _ in node.value if key.tag != _MERGE)
    yield from ((key, line_of(_last(node, key))) for key, count in counts.items() if count > 1)
    for _, value in node.value:
        yield from repeated_keys(value, depth - 1)


def _last(node: yaml.MappingNode, key: str) -> yaml.Node:
    """The last occurrence of a key."""
    found: yaml.Node = [name for name, _ in node.value if str(name.value) == key][-1]
    return found
