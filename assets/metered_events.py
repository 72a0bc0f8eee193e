"""Metered events: the event files of one arrival hour, checked, normalised, priced and loaded."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from assets.partitions import ARRIVAL_HOURS, landing_partition
from assets.resources import Installation
from meterhouse.events.load import load_partition
from meterhouse.events.schema import EVENT_FIELDS, REJECT_SCHEMA, WAREHOUSE_SCHEMA

OWNERS = ["team:data-platform"]
EVENTS = dg.AssetKey(["metering", "events"])
REJECTS = dg.AssetKey(["metering", "rejected_events"])
_MEANINGS = {field.name: field.description for field in EVENT_FIELDS}


def _column_schema(schema: pa.Schema) -> dg.TableSchema:
    return dg.TableSchema(
        [dg.TableColumn(column.name, str(column.type), _MEANINGS.get(column.name)) for column in schema]
    )


@dg.multi_asset(
    name="metered_events",
    specs=[
        dg.AssetSpec(
            EVENTS,
            description="Every event as it landed, priced; at least once (the silver model counts each once).",
            group_name="metering",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            metadata={
                "dagster/table_name": "raw_metering.events",
                "dagster/column_schema": _column_schema(WAREHOUSE_SCHEMA),
            },
        ),
        dg.AssetSpec(
            REJECTS,
            description="Every line that could not become an event, with its reason; kept and replayable.",
            group_name="metering",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            metadata={
                "dagster/table_name": "raw_metering.rejected_events",
                "dagster/column_schema": _column_schema(REJECT_SCHEMA),
            },
        ),
    ],
    partitions_def=ARRIVAL_HOURS,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool="warehouse",
)
def metered_events(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[None]]:
    """Load the new event files of the hour."""
    result = load_partition(installation.settings(), landing_partition(context.partition_key))
    counts = {
        "files": result.file_count,
        "duplicate lines": result.duplicate_count,
        "files waiting": result.waiting_count,
    }
    yield dg.MaterializeResult(
        asset_key=EVENTS, metadata={"dagster/partition_row_count": result.event_count, **counts}
    )
    yield dg.MaterializeResult(
        asset_key=REJECTS, metadata={"dagster/partition_row_count": result.rejected_count}
    )
