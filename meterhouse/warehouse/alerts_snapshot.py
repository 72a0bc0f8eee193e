"""The budgets and the incidents as the warehouse sees them."""

import logging

import duckdb
import polars as pl
from sqlalchemy import select

from meterhouse.alerts.rules_file import RulesError, load_budgets
from meterhouse.control.database import reading
from meterhouse.control.tables import IncidentRow, OutboxRow
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

_TIME = pl.Datetime("us", "UTC")
BUDGETS_SCHEMA: dict[str, type[pl.DataType]] = {
    "position": pl.Int64,
    "name": pl.String,
    "source": pl.String,
    "budget": pl.String,
}
"""Columns of `raw_control.budgets`; `budget` is `BudgetRule.as_json`."""
INCIDENTS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "rule": pl.String,
    "rule_version": pl.String,
    "group_key": pl.String,
    "severity": pl.String,
    "status": pl.String,
    "is_shadow": pl.Boolean,
    "fired_at": _TIME,
    "resolved_at": _TIME,
    "opened_at": _TIME,
    "value": pl.String,
    "limit": pl.String,
    "first_event_id": pl.String,
    "trace_id": pl.String,
}
"""Columns of `raw_control.incidents`, those of the control database."""
MESSAGES_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "incident_id": pl.String,
    "event": pl.String,
    "channel": pl.String,
    "status": pl.String,
    "attempt_count": pl.Int64,
    "created_at": _TIME,
    "sent_at": _TIME,
}
"""Columns of `raw_control.alert_messages`; what a message says and the channel answered stay where they are."""

logger = logging.getLogger(__name__)


def snapshot_alerts(settings: Settings) -> dict[str, int]:
    """Replace budgets, incidents and messages in `raw_control` by what is now; rows by table.

    A rules file with a fault leaves the budgets as they were: no alert rule holds up the bill. The alert sensor and
    `meterhouse alerts check` say what is wrong.

    Raises:
        WarehouseBusyError: The warehouse stayed busy.
        ControlDatabaseError: The control database cannot be read.
    """
    tables = {
        "budgets": _budgets(settings),
        "incidents": _rows(settings, IncidentRow, INCIDENTS_SCHEMA),
        "alert_messages": _rows(settings, OutboxRow, MESSAGES_SCHEMA),
    }
    with warehouse(settings, "snapshot of alerts") as path, duckdb.connect(path) as database:
        database.execute("set timezone = 'UTC'")
        database.execute("create schema if not exists raw_control")
        for name, rows in tables.items():
            found = pl.DataFrame(schema=BUDGETS_SCHEMA) if rows is None else rows
            how = "create table if not exists" if rows is None else "create or replace table"
            database.register("snapshot", found.to_arrow())
            database.execute(f"{how} raw_control.{name} as from snapshot")
        return {
            name: database.execute(f"select count(*) from raw_control.{name}").fetchall()[0][0]  # noqa: S608
            for name in tables
        }


def _budgets(settings: Settings) -> pl.DataFrame | None:
    """The budgets in force; None when the file cannot say them."""
    try:
        found = load_budgets(settings.rules_file) if settings.rules_file.exists() else []
    except RulesError as error:
        logger.warning("The budgets stay as they were: %s", error.faults[0])
        return None
    rows = [(position, one.name, one.source, one.as_json()) for position, one in enumerate(found, 1)]
    return pl.DataFrame(rows, schema=BUDGETS_SCHEMA, orient="row")


def _rows(
    settings: Settings,
    table: type[IncidentRow | OutboxRow],
    schema: dict[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    """Columns of a table of the control database."""
    columns = [getattr(table, name) for name in schema]
    with reading(settings) as opened:
        rows = [tuple(row) for row in opened.execute(select(*columns).order_by(table.id))]
    return pl.DataFrame(rows, schema=schema, orient="row")
