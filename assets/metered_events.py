"""Metered events, and the outcomes and prompts beside them: the files of one hour of arrival, checked and loaded."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pyarrow as pa

from assets.partitions import ARRIVAL_HOURS, landing_partition
from assets.resources import Installation
from meterhouse.events import kinds
from meterhouse.events.load import load_partition
from meterhouse.events.retention import purge_prompts
from meterhouse.events.schema import REJECT_SCHEMA

OWNERS = ["team:data-platform"]
REJECTED = "rejected_events"
_TABLES: dict[str, tuple[pa.Schema, str]] = {
    kinds.EVENTS.name: (
        kinds.EVENTS.warehouse_schema,
        "Every event as it landed, priced; at least once (the silver model counts each once).",
    ),
    kinds.OUTCOMES.name: (
        kinds.OUTCOMES.warehouse_schema,
        "Every outcome of a trace as it landed; at least once.",
    ),
    kinds.PROMPTS.name: (
        kinds.PROMPTS.warehouse_schema,
        "Prompts and answers of events, where the installation keeps them, until their retention ends.",
    ),
    REJECTED: (
        REJECT_SCHEMA,
        "Every line that could not become an event or outcome, with its reason; kept and replayable.",
    ),
}
_MEANINGS = {field.name: field.description for kind in kinds.KINDS.values() for field in kind.fields}


def _spec(table: str) -> dg.AssetSpec:
    schema, description = _TABLES[table]
    columns = [dg.TableColumn(column.name, str(column.type), _MEANINGS.get(column.name)) for column in schema]
    return dg.AssetSpec(
        ["metering", table],
        description=description,
        group_name="metering",
        kinds={"polars", "duckdb"},
        owners=OWNERS,
        metadata={
            "dagster/table_name": f"raw_metering.{table}",
            "dagster/column_schema": dg.TableSchema(columns),
        },
    )


@dg.multi_asset(
    name="metered_events",
    specs=[_spec(table) for table in _TABLES],
    partitions_def=ARRIVAL_HOURS,
    backfill_policy=dg.BackfillPolicy.multi_run(1),
    pool="warehouse",
)
def metered_events(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[None]]:
    """Load the new files of the hour, and delete prompts whose retention has ended."""
    settings = installation.settings()
    result = load_partition(settings, landing_partition(context.partition_key))
    purged = purge_prompts(settings, datetime.now(UTC))
    about: dict[str, dict[str, int]] = {
        kinds.EVENTS.name: {
            "dagster/partition_row_count": result.event_count,
            "files": result.file_count,
            "duplicate lines": result.duplicate_count,
            "files waiting": result.waiting_count,
        },
        kinds.OUTCOMES.name: {"dagster/partition_row_count": result.outcome_count},
        kinds.PROMPTS.name: {
            "dagster/partition_row_count": result.prompts_count,
            "deleted rows": purged.row_count,
            "deleted files": purged.file_count,
        },
        REJECTED: {"dagster/partition_row_count": result.rejected_count},
    }
    for table, counts in about.items():
        yield dg.MaterializeResult(asset_key=["metering", table], metadata=counts)
