"""Reading the rules file: YAML to rules, with one sentence and line per fault.

What belongs here: lines, and words for faults. What does not: what a rule means (`rules.py`).
"""

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from meterhouse.alerts.anomalies import Anomaly, AnomalyRule
from meterhouse.alerts.budgets import BudgetRule
from meterhouse.alerts.rules import HealthRule, Rule
from meterhouse.errors import MeterhouseError
from meterhouse.marked_yaml import YamlFault, child_of, line_of, read_document, repeated_keys

OTHER_KEYS = {
    "enforce": "only a rule with a limit on a value, or a budget on metered calls, can hold calls back",
    "when": "what fires follows from its other keys",
    "pace": "it is for a rule with budget",
    "steps": "they are for a rule with budget",
    "no_data": "write metric: request_count, when: '< 1' and min_samples: 0, which fires for a group that falls silent",
    "source": "only a budget can watch bills; other rules read metered events, or are of health",
}

AnyRule = Rule | HealthRule | BudgetRule | AnomalyRule


@dataclass(frozen=True)
class _Kind:
    """A kind of rule: what it is called in a fault, and the keys it must have, in words."""

    model: type[AnyRule]
    title: str
    needs: str

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(field.alias or name for name, field in self.model.model_fields.items())


_THRESHOLD = _Kind(Rule, "rule", "name, metric, window or period, and when")
_KINDS = {
    "health": _Kind(HealthRule, "rule of health", "name and health"),
    "budget": _Kind(BudgetRule, "budget", "name, budget and period"),
    "anomaly": _Kind(AnomalyRule, "rule on an anomaly", "name, metric, window and anomaly"),
}
"""By the key that tells them; a rule that has none of them is a threshold."""


class RulesError(MeterhouseError):
    """The rules file is wrong; `faults` holds one sentence per fault, with file and line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults), "Mend the rules file, then run `meterhouse alerts check`.")
        self.faults = faults


def load_rules(path: Path) -> list[Rule]:
    """The rules on metered events of a file, each as the rules by which it is judged: a budget as its steps.

    Raises:
        RulesError: The file cannot be read, or a rule is wrong.
    """
    found: list[Rule] = []
    for rule in load_all_rules(path):
        is_metered = rule.source == "metered" if isinstance(rule, BudgetRule) else True
        if is_metered and not isinstance(rule, HealthRule):
            found += rule.judged()
    return found


def load_budgets(path: Path) -> list[BudgetRule]:
    """The budgets of the same file.

    Raises:
        RulesError: The file cannot be read, or a rule is wrong.
    """
    return [rule for rule in load_all_rules(path) if isinstance(rule, BudgetRule)]


def load_health_rules(path: Path) -> list[HealthRule]:
    """The rules on the pipeline's health of the same file.

    Raises:
        RulesError: The file cannot be read, or a rule is wrong.
    """
    return [rule for rule in load_all_rules(path) if isinstance(rule, HealthRule)]


def load_all_rules(path: Path) -> list[AnyRule]:
    """All rules of a file, in their order.

    Raises:
        RulesError: The file cannot be read, or a rule is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RulesError([f"{path}: the rules file cannot be read: {reason}."]) from None
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str) -> list[AnyRule]:
    """The rules in a YAML text; `name` stands before the line in each fault.

    Raises:
        RulesError: The text is no YAML, or a rule is wrong.
    """
    faults: list[tuple[int, str]] = []
    rules: list[tuple[int, AnyRule]] = []
    for node, data in _rule_nodes(text, name):
        faults += [(line, f"the key {key!r} stands twice.") for key, line in repeated_keys(node)]
        read = _read_rule(data, node)
        if isinstance(read, list):
            faults += read
        else:
            rules.append((line_of(child_of(node, "name")), read))
    counts = Counter(rule.name for _, rule in rules)
    faults += [
        (line, f"the name {rule.name!r} is used by {counts[rule.name]} rules; every rule needs its own.")
        for line, rule in rules
        if counts[rule.name] > 1
    ]
    if faults:
        raise RulesError([f"{name}:{line}: {sentence}" for line, sentence in sorted(set(faults))])
    return [rule for _, rule in rules]


def json_schema() -> dict[str, Any]:
    """JSON Schema of the rules file, for editors."""
    definitions: dict[str, Any] = {}
    items: dict[str, Any] = {"$ref": "#/$defs/Rule"}
    for kind in (_THRESHOLD, *_KINDS.values()):
        schema = kind.model.model_json_schema(by_alias=True)
        definitions |= schema.pop("$defs", {}) | {kind.model.__name__: schema}
    for key, kind in _KINDS.items():
        then = {"$ref": f"#/$defs/{kind.model.__name__}"}
        items = {"if": {"required": [key]}, "then": then, "else": items}
    rules = {"type": "array", "items": items}
    nested = {
        "type": "object",
        "properties": {"rules": rules},
        "required": ["rules"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Meterhouse alert rules",
        "anyOf": [rules, nested],
        "$defs": definitions,
    }


def _rule_nodes(text: str, name: str) -> list[tuple[yaml.Node, Any]]:
    """Each rule's YAML node, for its lines, and its data.

    Raises:
        RulesError: The text is no YAML, or holds something else.
    """
    try:
        root, data = read_document(text)
    except YamlFault as fault:
        raise RulesError([f"{name}:{fault.line}: {fault}"]) from None
    if root is None:
        return []
    if isinstance(data, dict) and list(data) == ["rules"]:
        root, data = child_of(root, "rules"), data["rules"]
    if data is None:
        return []
    if not isinstance(data, list):
        shape = 'the file must hold a list of rules, or "rules:" with a list below it.'
        raise RulesError([f"{name}:{line_of(root)}: {shape}"])
    return list(zip(root.value, data, strict=True))


def _read_rule(data: Any, node: yaml.Node) -> AnyRule | list[tuple[int, str]]:
    """The rule, or line and sentence of each of its faults."""
    if not isinstance(data, dict):
        return [(line_of(node), "a rule must be a mapping with name, metric, window or period, and when.")]
    title = f"rule {data['name']!r}" if isinstance(data.get("name"), str) else "the rule"
    kind = next((kind for key, kind in _KINDS.items() if key in data), _THRESHOLD)
    try:
        return kind.model.model_validate(data)
    except ValidationError as error:
        return [
            _explain(details["type"], details["loc"], details["msg"], node, title, kind)
            for details in error.errors()
        ]


def _explain(
    fault: str, path: tuple[int | str, ...], text: str, node: yaml.Node, title: str, kind: _Kind
) -> tuple[int, str]:
    place, found = ".".join(part for part in path if isinstance(part, str) and part != "[key]"), node
    for part in path:
        found = child_of(found, part)
    line = line_of(found)
    last = str(path[-1]) if path else ""
    if fault == "missing":
        return line, f"{title} has no {last}; every {kind.title} needs {kind.needs}."
    if fault == "extra_forbidden":
        return line, f"{title}: {_unknown_key(path, kind)}"
    if fault == "string_pattern_mismatch" and last == "name":
        return line, f"{title}: a name is 1 to 100 letters, digits, dots, dashes or underscores."
    if fault == "too_short":
        return line, f"{title}: {place} must hold at least one value."
    if fault == "string_type":
        return line, f"{title}: {place} must be text; put it in quotes."
    sentence = ": ".join(part for part in (title, place, text.removeprefix("Value error, ")) if part)
    return line, sentence if sentence.endswith("?") else f"{sentence}."


def _unknown_key(path: tuple[int | str, ...], kind: _Kind) -> str:
    key = str(path[-1])
    if len(path) > 1:
        if path[0] == "anomaly":
            return f"{key!r} is no key of anomaly; it has {', '.join(Anomaly.model_fields)}."
        return f"{key!r} is no operator of where; use is, is_not, in, contains, starts_with or ends_with."
    if key in OTHER_KEYS:
        return f"{key!r} cannot be used: {OTHER_KEYS[key]}."
    near = get_close_matches(key, kind.keys, 1)
    return f"unknown key {key!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"a {kind.title} has {', '.join(kind.keys)}."
    )
