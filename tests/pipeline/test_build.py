"""What a build of the marts runs, and what it leaves out because nothing in it can have changed."""

import json
from collections.abc import Iterable

import duckdb
import pytest
from dagster_dbt.asset_utils import extract_runtime_selection_from_args
from dbt.cli.main import dbtRunner

from meterhouse.settings import Settings, exported
from meterhouse.warehouse import dbt

IDLE = "deepgram"


def run_nodes(settings: Settings) -> set[str]:
    nodes: list[str] = []
    dbt.build(settings, on_node=nodes.append)
    return set(nodes)


def models(settings: Settings) -> dict[str, dict]:
    manifest = json.loads((dbt.target_path(settings) / "manifest.json").read_text())
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def is_of(provider: str, nodes: Iterable[str]) -> set[str]:
    return {name for name in nodes if name.startswith((f"stg_{provider}__", f"int_{provider}__"))}


def test_models_of_providers_that_nobody_pulled_are_left_out_until_somebody_does(built: Settings) -> None:
    first = run_nodes(built)
    assert not first & {path.stem for path in (dbt.PROJECT_DIR / "seeds").glob("*.csv")}
    assert is_of("openai", first) == is_of("openai", models(built))
    assert is_of(IDLE, first) == set()
    assert {"fct_charges", "int_charges__unioned", "money_in_equals_money_out"} <= first
    with duckdb.connect(built.warehouse_path) as connection:
        connection.execute(f"create schema raw_{IDLE}")
    arguments = dbt.without_idle_providers(built)
    left_out = arguments[-1].split()
    rest, _, left_out_by_dagster = extract_runtime_selection_from_args(arguments)
    assert (rest, left_out_by_dagster) == (arguments[:2], left_out)
    assert f"file:stg_{IDLE}__*" not in left_out
    assert "file:stg_xai__*" in left_out


def test_a_warehouse_that_was_lost_is_built_whole(built: Settings) -> None:
    built.warehouse_path.unlink()
    assert dbt.without_idle_providers(built) == []


def test_a_build_after_the_project_changed_is_whole(built: Settings) -> None:
    built.published_path.unlink()
    assert dbt.without_idle_providers(built) == []


@pytest.mark.timeout(600)
def test_the_unit_tests_of_the_models_pass(built: Settings) -> None:
    with exported(dbt.dbt_environment(built)):
        outcome = dbtRunner().invoke(["test", "--select", "test_type:unit", "--quiet", *dbt.dbt_paths(built)])
    assert outcome.success, outcome.exception
    assert len(outcome.result.results) >= 5
