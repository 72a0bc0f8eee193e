"""The same dbt project on DuckDB and on PostgreSQL: every mart is the same, row for row, build after build."""

import json

import pytest

from dlt_sources.registry import PROVIDERS
from tests.dbt import everything, postgres, raw
from tests.dbt.histories import History
from tests.dbt.test_budgets import NOW
from tests.dbt.world import World
from tests.postgres import postgres_server  # noqa: F401 (a fixture)

SEED = 3
AT_A_MOMENT = ("--vars", json.dumps({"now": NOW.isoformat()}))
CLOCK = "postgres_has_one_clock_and_one_order"
ALL = (
    "build",
    "--indirect-selection",
    "empty",
    "--select",
    "resource_type:seed",
    "resource_type:model",
    CLOCK,
)
CHANGED = ("run", "--select", "config.materialized:incremental+", "int_charges__unioned+")
"""What calls and bills change: all that comes after what builds remember of calls, and after the union of the bills."""


@pytest.mark.timeout(900)
def test_every_mart_is_the_same_on_postgresql_and_stays_so(postgres_server, empty_home, tmp_path):  # noqa: F811
    world = World(seed=2)
    made, home, parts = tmp_path / "warehouse.duckdb", tmp_path / "home", tmp_path / "parts"
    home.mkdir()
    parts.mkdir()
    everything.write(world, made, empty_home, parts)
    history = History(world, made, home, SEED)
    everything.write_alerts(home)
    steps = [step for _, step in history.steps()]
    with postgres.warehouse(postgres_server) as url:
        for number, build in enumerate((ALL, CHANGED)):
            for step in steps[number::2]:
                step()
            assert raw.dbt(history.path, *build, *AT_A_MOMENT) == []
            postgres.bring_raw_tables(history.path, url)
            assert postgres.dbt(url, tmp_path / "dbt", *build, *AT_A_MOMENT) == []
            assert postgres.differences(history.path, url) == {}
    marts = raw.rows(
        history.path, "select table_name as name from duckdb_tables() where schema_name = 'marts'"
    )
    empty = [m["name"] for m in marts if not raw.rows(history.path, f"from marts.{m['name']} limit 1")]
    assert empty == []
    billed = raw.rows(
        history.path,
        "select connection_id from marts.fct_charges union select connection_id from marts.fct_gateway_costs",
    )
    providers = {raw.CONNECTIONS[row["connection_id"]] for row in billed}
    assert PROVIDERS.keys() - providers == {"deepseek"}, "its balance is no charge"
