"""The code location as Dagster sees it: it loads with no credentials and its graph is readable."""

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.quality import CHECKS
from dlt_sources.registry import PROVIDERS
from orchestration.definitions import BUILD_MARTS, METER_EVENTS, REFRESH_COSTS, build_defs


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs()


@pytest.fixture(scope="module")
def graph(defs: dg.Definitions) -> AssetGraph:
    return defs.resolve_asset_graph()


def test_every_asset_has_a_group_an_owner_a_description_and_a_kind(graph: AssetGraph) -> None:
    poor = []
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        if not (node.group_name not in (None, "default") and node.owners and node.description and node.kinds):
            poor.append(key.to_user_string())
    assert not poor, f"these assets lack a group, an owner, a description or a kind: {poor}"


def test_every_raw_provider_table_has_column_metadata(graph: AssetGraph) -> None:
    for provider in PROVIDERS.values():
        for table in provider.tables:
            schema = graph.get(dg.AssetKey([provider.name, table])).metadata.get("dagster/column_schema")
            assert isinstance(schema, dg.TableSchema)
            assert schema.columns


@pytest.mark.parametrize(
    "start",
    [["openai", "costs"], ["anthropic", "cost_report"], ["metering", "events"], ["control", "connections"]],
)
def test_lineage_reaches_from_the_raw_table_to_the_published_marts(
    graph: AssetGraph, start: list[str]
) -> None:
    reached, frontier = set(), {dg.AssetKey(start)}
    while frontier:
        reached |= frontier
        frontier = {child for key in frontier for child in graph.get(key).child_keys} - reached
    assert dg.AssetKey(["serve", "meterhouse"]) in reached
    assert any(key.path[0] == "marts" for key in reached)


def test_no_asset_depends_on_a_key_that_nothing_makes(graph: AssetGraph) -> None:
    dangling = {key.to_user_string() for key in graph.external_asset_keys}
    assert not dangling, f"these keys are read but never made: {dangling}"


def test_every_step_that_opens_the_warehouse_is_in_its_pool(defs: dg.Definitions) -> None:
    for asset in defs.assets or []:
        if isinstance(asset, dg.AssetsDefinition):
            assert asset.op.pool == "warehouse", asset.op.name


def test_every_check_says_what_holds_and_only_the_main_job_waits_for_them(defs: dg.Definitions) -> None:
    for checks in CHECKS:
        assert checks.op.pool == "warehouse", checks.op.name
        assert all(spec.description for spec in checks.check_specs)
    steps = {
        job: {node.name for node in defs.resolve_job_def(job).nodes} & {checks.op.name for checks in CHECKS}
        for job in (REFRESH_COSTS, METER_EVENTS, BUILD_MARTS)
    }
    assert steps == {
        REFRESH_COSTS: {"pull_quality", "event_quality"},
        METER_EVENTS: set(),
        BUILD_MARTS: set(),
    }


def test_jobs_cover_every_asset(defs: dg.Definitions, graph: AssetGraph) -> None:
    job = defs.resolve_job_def("refresh_costs")
    assert set(job.asset_layer.executable_asset_keys) == set(graph.materializable_asset_keys)
