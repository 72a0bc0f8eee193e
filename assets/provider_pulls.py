"""Provider pulls: one multi-asset per provider, one asset per raw table, derived from the registry.

A materialization syncs every active connection of the provider that is due. A connection that fails never stops the
others nor the marts, whatever its fault is: its reason stands in the asset check `connections_synced`, by connection,
and in the connection's status. The check is one per provider because connections come and go without a reload.
"""

from collections.abc import Iterator

import dagster as dg

from assets.resources import Installation
from dlt_sources.contract import Columns, Dimension, Provider, Report
from dlt_sources.registry import PROVIDERS
from meterhouse.connections.sync import RoutineSync, sync_due

OWNERS = ["team:data-platform"]
PULLED_DAYS = "pulled_days"
CHECK = "connections_synced"


def build_provider_assets(provider: Provider) -> dg.AssetsDefinition:
    """The raw tables of one provider as a multi-asset."""
    anchor = pulled_days(provider.name)

    @dg.multi_asset(
        name=f"{provider.name}_pull",
        specs=[
            *(_spec(provider, report) for report in provider.reports),
            *(_spec(provider, dimension) for dimension in provider.dimensions),
            _pulled_days_spec(provider),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                name=CHECK,
                asset=anchor,
                description="Every active connection was pulled; if not, the reason and the next step.",
            )
        ],
        pool="warehouse",
    )
    def pull(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        routine = sync_due(installation.settings(), provider, on_progress=context.log.info)
        results = routine.results
        for result in results:
            if result.defect:
                context.log.error("%s: %s", result.connection, result.error, exc_info=result.defect)
        for table in provider.tables:
            rows = sum(result.row_counts.get(table, 0) for result in results)
            yield dg.MaterializeResult(asset_key=[provider.name, table], metadata={"dagster/row_count": rows})
        yield dg.MaterializeResult(
            asset_key=anchor, metadata={"connections": dg.MetadataValue.md(_as_table(routine))}
        )
        failed = [result for result in results if result.error]
        yield dg.AssetCheckResult(
            check_name=CHECK,
            asset_key=anchor,
            passed=not failed,
            metadata={result.connection: f"{result.error} {result.next_step or ''}" for result in failed},
        )

    return pull


def pulled_days(provider_name: str) -> dg.AssetKey:
    """The asset that is done when all of a provider's tables are."""
    return dg.AssetKey([provider_name, PULLED_DAYS])


def build_all() -> list[dg.AssetsDefinition]:
    """The pull assets of every registered provider."""
    return [build_provider_assets(provider) for provider in PROVIDERS.values()]


def _spec(provider: Provider, table: Report | Dimension) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=[provider.name, table.name],
        description=table.description,
        group_name=provider.name,
        kinds={"dlt", "duckdb"},
        owners=OWNERS,
        metadata={
            "dagster/column_schema": _column_schema(table.columns),
            "dagster/table_name": f"raw_{provider.name}.{table.name}",
        },
    )


def _pulled_days_spec(provider: Provider) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=pulled_days(provider.name),
        description="Which version of each report's day was believed when; what makes pulled rows visible.",
        group_name=provider.name,
        kinds={"dlt", "duckdb"},
        owners=OWNERS,
        metadata={"dagster/table_name": f"raw_{provider.name}.{PULLED_DAYS}"},
    )


def _column_schema(columns: Columns) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, str(hint.get("data_type", "text")), description=hint.get("description"))
            for name, hint in columns.items()
        ]
    )


def _as_table(routine: RoutineSync) -> str:
    lines = [
        f"| {result.connection} | {result.window.start} to {result.window.end} | {result.row_count} "
        f"| {result.request_count} | {result.error or 'ok'} |"
        for result in routine.results
    ]
    lines += [
        f"| {name} | | | | not due before {due_at:%Y-%m-%d %H:%M} UTC |"
        for name, due_at in routine.not_due.items()
    ]
    return "\n".join(["| connection | days | rows | requests | result |", "|---|---|---|---|---|", *lines])
