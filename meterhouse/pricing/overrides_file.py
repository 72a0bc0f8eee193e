"""Reading the price overrides: YAML to negotiated prices, discounts and aliases, with one sentence and line per fault.

What belongs here: the form of the file and words for its faults. What does not: what an override does to the price
book (`overrides.py`).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from meterhouse.errors import MeterhouseError
from meterhouse.events.schema import BUCKETS
from meterhouse.marked_yaml import YamlFault, child_of, line_of, read_document, repeated_keys

Tier = Literal["standard", "batch", "flex", "priority"]
TIERS: tuple[Tier, ...] = ("standard", "batch", "flex", "priority")
TOKEN_TYPES = tuple(bucket.token_type for bucket in BUCKETS)
MILLION = Decimal(1_000_000)
BEGINNING_OF_TIME = datetime(1, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)

_SECTIONS = {"prices": "a price", "discounts": "a discount", "aliases": "an alias"}


class OverridesError(MeterhouseError):
    """The price overrides are wrong; `faults` holds one sentence per fault, with file and line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults), "Mend the price overrides, then run `meterhouse prices check`.")
        self.faults = faults


def _number(value: Any) -> Any:
    """A number as it is written; text that is none stays, and is refused by its type."""
    if isinstance(value, bool):
        raise ValueError("is no number")
    return str(value) if isinstance(value, int | float) else value


def _token_type(value: Any) -> Any:
    if value not in TOKEN_TYPES:
        near = get_close_matches(str(value), TOKEN_TYPES, 1)
        raise ValueError(
            f"{value!r} is no token type; "
            + (f"did you mean {near[0]!r}?" if near else ", ".join(TOKEN_TYPES))
        )
    return value


Name = Annotated[str, Field(min_length=1, max_length=200)]
TokenType = Annotated[str, BeforeValidator(_token_type)]
Price = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=Decimal(1_000_000))]
Percent = Annotated[Decimal, BeforeValidator(_number), Field(gt=0, le=100, max_digits=12, decimal_places=9)]


class _Dated(BaseModel):
    """Something in force from the first UTC day to the last, both included; open where a day is not said."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, hide_input_in_errors=True)

    provider: Name
    first_day: date | None = Field(default=None, alias="from")
    last_day: date | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "_Dated":
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError(f"to ({self.last_day}) is before from ({self.first_day})")
        return self

    @property
    def starts_at(self) -> datetime:
        """Start of the first day."""
        return _midnight(self.first_day) if self.first_day else BEGINNING_OF_TIME

    @property
    def ends_at(self) -> datetime:
        """End of the last day."""
        return _midnight(self.last_day + timedelta(days=1)) if self.last_day else END_OF_TIME

    def meets(self, other: "_Dated") -> bool:
        """Whether both are in force on some day."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


class PriceOverride(_Dated):
    """Unit prices that hold in place of the listed ones; of a model that is listed nowhere they are all it has."""

    model: Name
    tier: Tier = "standard"
    region: Name | None = None
    above_input_tokens: int | None = Field(default=None, ge=0, strict=True)
    usd_per_million: dict[TokenType, Price] = {}
    usd_per_unit: dict[TokenType, Price] = {}

    @model_validator(mode="after")
    def _has_prices(self) -> "PriceOverride":
        if not self.usd_per_million and not self.usd_per_unit:
            raise ValueError("it has no price; give usd_per_million or usd_per_unit")
        twice = sorted({*self.usd_per_million} & {*self.usd_per_unit})
        if twice:
            raise ValueError(f"{twice[0]} is priced per million and per unit; keep one")
        return self

    @property
    def unit_prices(self) -> dict[str, Decimal]:
        """USD per single unit by token type."""
        return {name: price / MILLION for name, price in self.usd_per_million.items()} | self.usd_per_unit

    def clashes(self, other: "PriceOverride") -> bool:
        """Whether both set one price on one day."""
        mine = (self.provider, self.model.lower(), self.tier, self.region, self.above_input_tokens)
        its = (other.provider, other.model.lower(), other.tier, other.region, other.above_input_tokens)
        return mine == its and bool({*self.unit_prices} & {*other.unit_prices}) and self.meets(other)


class Discount(_Dated):
    """Percent off the list prices of a provider, or of some of its models or tiers."""

    percent: Percent
    models: tuple[Name, ...] = ()
    tiers: tuple[Tier, ...] = TIERS

    def clashes(self, other: "Discount") -> bool:
        """Whether both are off one price on one day, and neither names the model where the other does not."""
        mine, its = {name.lower() for name in self.models}, {name.lower() for name in other.models}
        is_as_close = bool(mine & its) or not (mine or its)
        return (
            self.provider == other.provider
            and is_as_close
            and bool({*self.tiers} & {*other.tiers})
            and self.meets(other)
        )


class Alias(BaseModel):
    """Another name of a model: a deployment, a profile, a private name."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: Name
    alias: Name
    model: Name

    def clashes(self, other: "Alias") -> bool:
        """Whether both give one name."""
        return (self.provider, self.alias.lower()) == (other.provider, other.alias.lower())


class Overrides(BaseModel):
    """All that a file of price overrides says; `lines` holds where each item stands, by section."""

    model_config = ConfigDict(frozen=True)

    prices: tuple[PriceOverride, ...] = ()
    discounts: tuple[Discount, ...] = ()
    aliases: tuple[Alias, ...] = ()
    name: str = ""
    lines: dict[str, tuple[int, ...]] = {}


_FORMS: dict[str, type[BaseModel]] = {"prices": PriceOverride, "discounts": Discount, "aliases": Alias}


def load_overrides(path: Path | None) -> Overrides:
    """The overrides of a file; none without one.

    Raises:
        OverridesError: The file cannot be read, or something in it is wrong.
    """
    if path is None:
        return Overrides()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise OverridesError([f"{path}: the price overrides cannot be read: {reason}."]) from None
    return parse_overrides(text, str(path))


def parse_overrides(text: str, name: str) -> Overrides:
    """The overrides in a YAML text; `name` stands before the line in each fault.

    Raises:
        OverridesError: The text is no YAML, or something in it is wrong.
    """
    try:
        root, data = read_document(text)
    except YamlFault as fault:
        raise OverridesError([f"{name}:{fault.line}: {fault}"]) from None
    if root is None or data is None:
        return Overrides(name=name)
    if not isinstance(data, dict):
        raise OverridesError([f"{name}:{line_of(root)}: the file must hold {_these_sections()}."])
    faults = [(line, f"the key {key!r} stands twice.") for key, line in repeated_keys(root, 1)]
    faults += [
        (line_of(child_of(root, key)), f"unknown key {key!r}; the file holds {_these_sections()}.")
        for key in data
        if key not in _FORMS
    ]
    found: dict[str, list[tuple[int, Any]]] = {}
    for section in _FORMS:
        items, wrong = _read_section(section, data.get(section), child_of(root, section))
        found[section] = items
        faults += [*wrong, *_clashes(section, items)]
    if faults:
        raise OverridesError([f"{name}:{line}: {sentence}" for line, sentence in sorted(set(faults))])
    return Overrides(
        name=name,
        lines={section: tuple(line for line, _ in items) for section, items in found.items()},
        **{section: tuple(item for _, item in items) for section, items in found.items()},
    )


def _read_section(
    section: str, data: Any, node: yaml.Node
) -> tuple[list[tuple[int, Any]], list[tuple[int, str]]]:
    items: list[tuple[int, Any]] = []
    faults: list[tuple[int, str]] = []
    if data is None:
        return items, faults
    if not isinstance(data, list):
        return items, [(line_of(node), f"{section} must be a list.")]
    for position, item in enumerate(data):
        place = child_of(node, position)
        faults += [(line, f"the key {key!r} stands twice.") for key, line in repeated_keys(place)]
        try:
            items.append((line_of(place), _FORMS[section].model_validate(item)))
        except ValidationError as error:
            faults += [_explain(section, details, place) for details in error.errors()]
    return items, faults


def _clashes(section: str, items: list[tuple[int, Any]]) -> Iterator[tuple[int, str]]:
    for (first, one), (line, other) in combinations(items, 2):
        if one.clashes(other):
            yield (
                line,
                f"{_SECTIONS[section]} on line {first} says the same for the same days; remove one of the two.",
            )


def _explain(section: str, details: Any, node: yaml.Node) -> tuple[int, str]:
    found = node
    for part in details["loc"]:
        found = child_of(found, part)
    line, kind, title = line_of(found), details["type"], _SECTIONS[section]
    keys = [str(field.alias or name) for name, field in _FORMS[section].model_fields.items()]
    if not details["loc"]:
        text = details["msg"].removeprefix("Value error, ")
        return (
            line,
            f"{title}: {text}."
            if kind == "value_error"
            else f"{title} must be a mapping with {', '.join(keys)}.",
        )
    last = str(details["loc"][-1])
    if kind == "missing":
        return line, f"{title} has no {last}."
    if kind == "extra_forbidden":
        near = get_close_matches(last, keys, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"{title} has {', '.join(keys)}."
        return line, f"unknown key {last!r}; {hint}"
    place = ".".join(str(part) for part in details["loc"] if part != "[key]")
    sentence = f"{title}: {place}: {details['msg'].removeprefix('Value error, ')}"
    return line, sentence if sentence.endswith("?") else f"{sentence}."


def _these_sections() -> str:
    return f"the lists {', '.join(_SECTIONS)}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
