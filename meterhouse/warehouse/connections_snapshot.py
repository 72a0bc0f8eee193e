"""The connections as the warehouse sees them: names and status, never a credential."""

from datetime import UTC, datetime

import duckdb
import polars as pl

from meterhouse.connections.overview import overview
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

_TIME = pl.Datetime("us", "UTC")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "connection_id": pl.String,
    "name": pl.String,
    "provider": pl.String,
    "account_id": pl.String,
    "account_name": pl.String,
    "status": pl.String,
    "reason": pl.String,
    "next_step": pl.String,
    "last_data_at": _TIME,
    "last_sync_at": _TIME,
    "created_at": _TIME,
}
"""Columns of `raw_control.connections`."""


def snapshot_connections(settings: Settings) -> int:
    """Replace `raw_control.connections` by the connections as they are now; returns how many.

    Raises:
        WarehouseBusyError: The warehouse stayed busy.
        ControlDatabaseError: The control database cannot be read.
    """
    rows = [
        {
            "connection_id": one.connection.id,
            "account_id": one.connection.account_id,
            "account_name": one.connection.account_name,
            "created_at": one.connection.created_at,
            **one.as_json(),
        }
        for one in overview(settings, datetime.now(UTC))
    ]
    connections = pl.DataFrame(rows, schema=SCHEMA).to_arrow()
    with warehouse(settings, "snapshot of connections") as path, duckdb.connect(path) as database:
        database.execute("set timezone = 'UTC'")
        database.execute("create schema if not exists raw_control")
        database.register("snapshot", connections)
        database.execute("create or replace table raw_control.connections as from snapshot")
    return len(rows)
