"""The pipeline as plain functions, in the order in which data flows; Dagster runs the same steps as assets.

What belongs here: the order of steps for the command line. What does not: the steps themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from meterhouse.alerts.after_build import judge_published
from meterhouse.events.load import LoadResult, load_partition, partitions_with_new_files
from meterhouse.events.retention import purge_prompts
from meterhouse.settings import Settings
from meterhouse.warehouse import dbt
from meterhouse.warehouse.alerts_snapshot import snapshot_alerts
from meterhouse.warehouse.connections_snapshot import snapshot_connections
from meterhouse.warehouse.organization_snapshot import snapshot_organization
from meterhouse.warehouse.prices_snapshot import snapshot_prices
from meterhouse.warehouse.publish import publish

Tell = Callable[[str], None]


@dataclass(frozen=True)
class BuildSummary:
    """What one build did: event files loaded, dbt nodes run, rows published per mart."""

    loads: list[LoadResult]
    dbt_nodes: dict[str, int]
    published_rows: dict[str, int]


def build(settings: Settings, is_full: bool = False, tell: Tell = lambda _: None) -> BuildSummary:
    """Events to warehouse, dbt, publish: safe to repeat, and to kill and repeat.

    Args:
        settings: Where the installation lives.
        is_full: Rebuild incremental models from nothing.
        tell: Called with each step's name, for progress.

    Raises:
        BuildError: A model or test failed; the published marts stay as they were.
        WarehouseBusyError: The warehouse stayed busy.
        LandingZoneError: The landing zone cannot be read.
        OverridesError: The price overrides are wrong.
        ItemsError: The tagging rules or the business units are wrong.
    """
    loads = []
    for partition in partitions_with_new_files(settings):
        tell(f"events of {partition}")
        loads.append(load_partition(settings, partition))
    purge_prompts(settings, datetime.now(UTC))
    tell("connections")
    snapshot_connections(settings)
    snapshot_prices(settings)
    snapshot_organization(settings)
    snapshot_alerts(settings)
    nodes = dbt.build(settings, is_full, on_node=lambda name: tell(f"dbt {name}"))
    tell("publish")
    published = publish(settings)
    judge_published(settings, datetime.now(UTC))
    return BuildSummary(loads, nodes.counts, published)
