"""Business units: which is part of which, and since when.

What belongs here: the form of the file, words for its faults, and the path from the top to each unit by time. What does
not: whose cost is whose, which is the marts'.

```yaml
business_units:
  - {unit: engineering}
  - {unit: search, parent: engineering, name: Search and ranking}
  - {unit: ads, parent: engineering, to: 2026-09-30}
  - {unit: ads, parent: growth, from: 2026-10-01}
```
"""

from collections import defaultdict
from datetime import date, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from meterhouse.yaml_items import Fault, raise_faults, read_items, read_text

LEVELS = 4
"""Levels that the marts have a column for; a unit further down counts in the lowest of them."""
NEXT_STEP = "Mend the business units, then run `meterhouse build`."
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Unit(BaseModel):
    """A business unit and what it is part of, from the first UTC day to the last, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    unit: Name
    parent: Name | None = None
    name: Name | None = None
    first_day: date = Field(default=date.min, alias="from")
    last_day: date = Field(default=date.max, alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "Unit":
        if self.last_day < self.first_day:
            raise ValueError(f"to ({self.last_day}) is before from ({self.first_day})")
        if self.parent == self.unit:
            raise ValueError(f"{self.unit} cannot be part of itself")
        return self

    def holds(self, day: date) -> bool:
        """Whether it is in force on a day."""
        return self.first_day <= day <= self.last_day


class Placed(BaseModel):
    """A unit with its path from the top, for as long as no unit of the path changes its place; both days included."""

    unit: str
    name: str
    path: tuple[str, ...]
    first_day: date
    last_day: date


def load_units(path: Path | None) -> list[Placed]:
    """The units of a file; none without one.

    Raises:
        ItemsError: The file cannot be read, or something in it is wrong.
    """
    return [] if path is None else parse_units(read_text(path, "business units", NEXT_STEP), str(path))


def parse_units(text: str, name: str) -> list[Placed]:
    """The units in a YAML text, by unit and first day; `name` stands before the line in each fault.

    Raises:
        ItemsError: The text is no YAML, or something in it is wrong: a unit in two places on one day, a parent that is
            no unit, a circle.
    """
    found = read_items(text, "business_units", Unit, "a business unit")
    by_unit: dict[str, list[tuple[int, Unit]]] = defaultdict(list)
    for line, unit in found.items:
        by_unit[unit.unit].append((line, unit))
    faults = [*found.faults, *_clashes(by_unit), *_orphans(by_unit)]
    placed: list[Placed] = []
    for versions in by_unit.values():
        for line, unit in versions:
            rows, circle = _placed(unit, by_unit)
            placed += rows
            if circle:
                faults.append((line, f"{unit.unit} would be part of itself: {' > '.join(circle)}."))
    raise_faults(name, faults, NEXT_STEP)
    return sorted(placed, key=lambda one: (one.unit, one.first_day))


def _clashes(by_unit: dict[str, list[tuple[int, Unit]]]) -> list[Fault]:
    return [
        (line, f"{unit.unit} is said for the same days on line {first}; end one before the other begins.")
        for versions in by_unit.values()
        for (first, one), (line, unit) in combinations(versions, 2)
        if one.first_day <= unit.last_day and unit.first_day <= one.last_day
    ]


def _orphans(by_unit: dict[str, list[tuple[int, Unit]]]) -> list[Fault]:
    return [
        (line, f"{unit.unit} is part of {unit.parent!r}, which is no business unit here.")
        for versions in by_unit.values()
        for line, unit in versions
        if unit.parent is not None and unit.parent not in by_unit
    ]


def _placed(unit: Unit, by_unit: dict[str, list[tuple[int, Unit]]]) -> tuple[list[Placed], list[str]]:
    """The unit cut where a unit above it changes; and the circle it is in, if it is in one.

    A unit whose parent is not in force on a day is at the top on it.
    """
    starts = {
        day
        for versions in by_unit.values()
        for _, one in versions
        for day in (one.first_day, _after(one.last_day))
        if day is not None and unit.first_day < day <= unit.last_day
    }
    cuts = [unit.first_day, *sorted(starts), _after(unit.last_day)]
    rows: list[Placed] = []
    for first, following in pairwise(cuts):
        assert first is not None
        path, parent = [unit.unit], unit.parent
        while parent is not None:
            if parent in path:
                return rows, [parent, *path]
            above = next((one for _, one in by_unit.get(parent, []) if one.holds(first)), None)
            path, parent = ([parent, *path], above.parent) if above else (path, None)
        last = unit.last_day if following is None else following - timedelta(days=1)
        if rows and rows[-1].path == tuple(path):
            rows[-1] = rows[-1].model_copy(update={"last_day": last})
        else:
            rows.append(
                Placed(
                    unit=unit.unit,
                    name=unit.name or unit.unit,
                    path=tuple(path),
                    first_day=first,
                    last_day=last,
                )
            )
    return rows, []


def _after(day: date) -> date | None:
    return None if day == date.max else day + timedelta(days=1)
