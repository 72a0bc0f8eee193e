"""The dbt models: staging, intermediate and marts, with their tests as asset checks."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets
from dagster_dbt.compat import DBT_PYTHON_VERSION

from assets.provider_pulls import pulled_days
from assets.resources import Installation
from dlt_sources.registry import PROVIDERS
from meterhouse.settings import Settings, exported
from meterhouse.warehouse.alerts_snapshot import snapshot_alerts
from meterhouse.warehouse.connections_snapshot import snapshot_connections
from meterhouse.warehouse.dbt import (
    BUILD,
    PROJECT_DIR,
    dbt_environment,
    fresh_manifest,
    target_path,
    without_idle_providers,
)
from meterhouse.warehouse.lock import warehouse
from meterhouse.warehouse.organization_snapshot import snapshot_organization
from meterhouse.warehouse.prices_snapshot import snapshot_prices

OWNERS = ["team:data-platform"]
CONNECTIONS = dg.AssetKey(["control", "connections"])
EVENTS = dg.AssetKey(["metering", "events"])
PRICES = {
    "prices": "Every list and negotiated price there ever was here, with when it was recorded and superseded.",
    "listed_prices": "The list prices in force, without what the installation negotiated.",
    "model_aliases": "Names of models and the canonical model each stands for, the installation's own among them.",
}
ORGANIZATION = {
    "tagging_rules": "The tagging rules of the installation: whom calls were for, said after the fact.",
    "business_units": "The business units of the installation, and which is part of which by time.",
}
ALERTS = {
    "budgets": "The budgets of the rules file.",
    "incidents": "Every incident of the alert rules.",
    "alert_messages": "Every message about an incident, and whether its channel took it.",
}

PROJECT = DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR)


class InstalledDbt(DbtCliResource):
    """The dbt beside this Python, whose version need not be asked of a process of its own in every run."""

    @property
    def _cli_version(self) -> Any:
        return DBT_PYTHON_VERSION


def dbt_resource() -> DbtCliResource:
    """The dbt of this very environment, whatever PATH says."""
    return InstalledDbt(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


class Translator(DagsterDbtTranslator):
    """Groups models by layer and gives each an owner."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The layer (staging, intermediate, marts) or `seeds`."""
        return "seeds" if dbt_resource_props["resource_type"] == "seed" else str(dbt_resource_props["fqn"][1])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """One owner for all."""
        return OWNERS


def build_dbt_assets() -> dg.AssetsDefinition:
    """All models, seeds and tests of the dbt project."""
    manifest = fresh_manifest(PROJECT.manifest_path)

    @dbt_assets(
        manifest=manifest,
        project=PROJECT,
        dagster_dbt_translator=Translator(),
        name="dbt_models",
        pool="warehouse",
    )
    def dbt_models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, installation: Installation
    ) -> Iterator[Any]:
        settings = installation.settings()
        with warehouse(settings, "dbt build"), exported(dbt_environment(settings)):
            scope = [] if context.is_subset else without_idle_providers(settings)
            yield from dbt.cli([*BUILD, *scope], context=context, target_path=target_path(settings)).stream()

    return dbt_models


@dg.asset(
    key=CONNECTIONS,
    deps=[pulled_days(name) for name in PROVIDERS],
    group_name="control",
    kinds={"sqlalchemy", "duckdb"},
    owners=OWNERS,
    pool="warehouse",
    metadata={"dagster/table_name": "raw_control.connections"},
)
def connections(installation: Installation) -> dg.MaterializeResult[None]:
    """Every connection with its status, copied from the control database; no credential is among it."""
    return dg.MaterializeResult(metadata={"dagster/row_count": snapshot_connections(installation.settings())})


def build_control_tables() -> list[dg.AssetsDefinition]:
    """What the installation itself says, copied into the warehouse: its prices, organization, budgets and alerts."""
    return [
        _control_tables("prices", PRICES, "polars", snapshot_prices),
        _control_tables("organization", ORGANIZATION, "yaml", snapshot_organization),
        _control_tables("alerts", ALERTS, "sqlalchemy", snapshot_alerts, deps=[EVENTS]),
    ]


def _control_tables(
    name: str,
    tables: dict[str, str],
    kind: str,
    snapshot: Callable[[Settings], dict[str, int]],
    deps: Sequence[dg.AssetKey] = (),
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=name,
        specs=[
            dg.AssetSpec(
                ["control", table],
                deps=deps,
                description=description,
                group_name="control",
                kinds={kind, "duckdb"},
                owners=OWNERS,
                metadata={"dagster/table_name": f"raw_control.{table}"},
            )
            for table, description in tables.items()
        ],
        pool="warehouse",
    )
    def copied(installation: Installation) -> Iterator[dg.MaterializeResult[None]]:
        for table, count in snapshot(installation.settings()).items():
            yield dg.MaterializeResult(asset_key=["control", table], metadata={"dagster/row_count": count})

    return copied
