"""What the files of an installation say of its organization, for the warehouse: tagging rules and business units."""

import duckdb
import polars as pl

from meterhouse.business_units import LEVELS, Placed, load_units
from meterhouse.settings import Settings
from meterhouse.tagging import Rule, load_rules
from meterhouse.warehouse.lock import warehouse

RULES_SCHEMA: dict[str, type[pl.DataType]] = {
    "position": pl.Int64,
    "name": pl.String,
    "line": pl.Int64,
    "rule": pl.String,
}
"""Columns of `raw_control.tagging_rules`."""
UNITS_SCHEMA: dict[str, type[pl.DataType]] = {
    "business_unit": pl.String,
    "name": pl.String,
    "parent": pl.String,
    "level_number": pl.Int64,
    **{f"level_{level}": pl.String for level in range(1, LEVELS + 1)},
    "valid_from": pl.Date,
    "valid_to": pl.Date,
}
"""Columns of `raw_control.business_units`."""


def snapshot_organization(settings: Settings) -> dict[str, int]:
    """Replace the tagging rules and business units in `raw_control` by what their files say now; rows by table.

    Raises:
        ItemsError: A file cannot be read, or something in it is wrong; nothing is replaced then.
        WarehouseBusyError: The warehouse stayed busy.
    """
    rules, units = load_rules(settings.tagging_rules_path), load_units(settings.business_units_path)
    tables = {
        "tagging_rules": pl.DataFrame(
            [_rule(position, *found) for position, found in enumerate(rules, 1)],
            schema=RULES_SCHEMA,
            orient="row",
        ),
        "business_units": pl.DataFrame([_unit(one) for one in units], schema=UNITS_SCHEMA, orient="row"),
    }
    with warehouse(settings, "snapshot of the organization") as path, duckdb.connect(path) as database:
        database.execute("create schema if not exists raw_control")
        for name, rows in tables.items():
            database.register("snapshot", rows.to_arrow())
            database.execute(f"create or replace table raw_control.{name} as from snapshot")
    return {name: rows.height for name, rows in tables.items()}


def _rule(position: int, line: int, rule: Rule) -> tuple[int, str, int, str]:
    return position, rule.name, line, rule.as_json()


def _unit(one: Placed) -> tuple[object, ...]:
    """A level beyond the unit's own is the unit, so that a sum by level misses nothing."""
    levels = [one.path[min(level, len(one.path)) - 1] for level in range(1, LEVELS + 1)]
    parent = one.path[-2] if len(one.path) > 1 else None
    return one.unit, one.name, parent, len(one.path), *levels, one.first_day, one.last_day
