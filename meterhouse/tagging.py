"""Tagging rules: whom a metered call was for, said after the fact.

What belongs here: the form of the file, what may stand in a rule, and words for its faults. What does not: how they are
applied, which is the warehouse's (`dbt_project/macros/tagging.sql`); alerts judge events as they were sent.

```yaml
rules:
  - name: Search team's key
    when: {key: sk-search-*, metadata.team: [search, ranking]}
    set: {product: search, business_unit: engineering/search}
    copy: {customer: metadata.tenant}
    overwrite: true
    from: 2026-10-01
```
"""

import json
import re
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from meterhouse.yaml_items import ItemsError, raise_faults, read_items, read_text

MATCHED = {
    "connection": "connection_name",
    "provider": "provider",
    "model": "mapped_model",
    "project": "provider_project",
    "key": "provider_key",
    "credential": "credential_name",
    "customer": "customer",
    "product": "product",
    "subscriber": "subscriber_id",
    "agent": "agent",
    "workflow": "workflow",
    "task_type": "task_type",
    "business_unit": "business_unit",
    "environment": "environment",
    "operation": "operation",
    "source": "source",
    "trace_name": "trace_name",
}
"""What a rule may look at, and the column that holds it; besides `metadata.<key>`."""
SET = {
    name: MATCHED[name]
    for name in (
        "customer", "product", "subscriber", "agent", "workflow", "task_type", "business_unit", "environment",
    )
}  # fmt: skip
"""What a rule may say, and the column it goes to."""
NEXT_STEP = "Mend the tagging rules, then run `meterhouse tags check`."
_METADATA = re.compile(r"metadata\.[A-Za-z0-9_.:-]{1,100}")


def _known(names: dict[str, str], what: str, takes_metadata: bool) -> Any:
    def check(value: Any) -> Any:
        if value in names or (takes_metadata and _METADATA.fullmatch(str(value))):
            return value
        near = get_close_matches(str(value), names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"{', '.join(names)}"
        also = ", metadata.<key>" if takes_metadata and not near else ""
        raise ValueError(f"{value!r} is nothing a rule can {what}; {hint}{also}")

    return BeforeValidator(check)


def _as_list(value: Any) -> Any:
    return [_as_text(one) for one in (value if isinstance(value, list) else [value])]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text), Field(min_length=1, max_length=500)]
Looked = Annotated[str, _known(MATCHED, "look at", takes_metadata=True)]
Said = Annotated[str, _known(SET, "set", takes_metadata=False)]
Patterns = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]


class Rule(BaseModel):
    """If all of `when` holds, an event gets what `set` and `copy` say where it says nothing itself (or `overwrite`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, BeforeValidator(_as_text), Field(max_length=200, pattern=r"^[^,]+$")]
    when: dict[Looked, Patterns] = Field(min_length=1)
    set: dict[Said, Text] = {}
    copied: dict[Said, Looked] = Field(default={}, alias="copy")
    overwrite: bool = Field(default=False, strict=True)
    first_day: date | None = Field(default=None, alias="from")
    last_day: date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_something(self) -> "Rule":
        if not self.set and not self.copied:
            raise ValueError("it says nothing; give set or copy")
        twice = sorted({*self.set} & {*self.copied})
        if twice:
            raise ValueError(f"{twice[0]} is set and copied; keep one")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError(f"to ({self.last_day}) is before from ({self.first_day})")
        return self

    def as_json(self) -> str:
        """The rule with columns for names, as the warehouse takes it."""
        return json.dumps(
            {
                "name": self.name,
                "when": [_condition(name, patterns) for name, patterns in self.when.items()],
                "set": {SET[name]: value for name, value in self.set.items()},
                "copy": {SET[name]: _source(source) for name, source in self.copied.items()},
                "overwrite": self.overwrite,
                "first_day": self.first_day and self.first_day.isoformat(),
                "last_day": self.last_day and self.last_day.isoformat(),
            }
        )


def load_rules(path: Path | None) -> list[tuple[int, Rule]]:
    """The rules of a file in their order, each with its line; none without a file.

    Raises:
        ItemsError: The file cannot be read, or something in it is wrong.
    """
    return [] if path is None else parse_rules(read_text(path, "tagging rules", NEXT_STEP), str(path))


def parse_rules(text: str, name: str) -> list[tuple[int, Rule]]:
    """The rules in a YAML text; `name` stands before the line in each fault.

    Raises:
        ItemsError: The text is no YAML, or something in it is wrong.
    """
    found = read_items(text, "rules", Rule, "a rule")
    first_lines: dict[str, int] = {}
    for line, rule in found.items:
        first = first_lines.setdefault(rule.name, line)
        if first != line:
            found.faults.append((line, f"the rule on line {first} has the name {rule.name!r} too."))
    raise_faults(name, found.faults, NEXT_STEP)
    return found.items


def _source(name: str) -> dict[str, str]:
    if name in MATCHED:
        return {"column": MATCHED[name]}
    return {"metadata": name.removeprefix("metadata.")}


def _condition(name: str, patterns: list[str]) -> dict[str, Any]:
    """Where to look, and the patterns: whole values, and those with `*` as SQL takes them. Models are lower case."""
    written = [pattern.lower() if name == "model" else pattern for pattern in patterns]
    return {
        **_source(name),
        "values": [pattern for pattern in written if "*" not in pattern],
        "likes": [_like(pattern) for pattern in written if "*" in pattern],
    }


def _like(pattern: str) -> str:
    return re.sub(r"([!%_])", r"!\1", pattern).replace("*", "%")


__all__ = ["ItemsError", "Rule", "load_rules", "parse_rules"]
