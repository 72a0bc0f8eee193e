"""Killed anywhere and run again: the marts are those of an undisturbed run."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.settings import Settings, child_environment
from tests.killing import killed_at
from tests.pipeline.conftest import copied
from tests.pipeline.marts import Rows, contents

SYNC_KILLS = {
    "while extracting": ("dlt_sources.source:day_version", "before", 20),
    "after a table was copied, before dlt noted it": (
        "dlt.destinations.impl.duckdb.duck:DuckDbCopyJob.run",
        "after",
        1,
    ),
    "between the rows and the versions of their days": (
        "meterhouse.connections.sync:pulled_days_source",
        "before",
        1,
    ),
    "before the sync log knows": ("meterhouse.connections.sync_log:succeed", "before", 1),
}
BUILD_KILLS = {
    "after events were copied, before dlt noted it": (
        "dlt.destinations.impl.duckdb.duck:DuckDbCopyJob.run",
        "after",
        1,
    ),
    "between load and ledger": ("meterhouse.events.ledger:record", "before", 1),
    "early in dbt": ("dbt.adapters.sql.connections:SQLConnectionManager.add_query", "before", 40),
    "late in dbt": ("dbt.adapters.sql.connections:SQLConnectionManager.add_query", "after", 120),
    "before the published file takes its name": ("meterhouse.warehouse.publish:os.replace", "before", 1),
}


@pytest.fixture(scope="session")
def undisturbed(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return contents(copied(built_home, tmp_path_factory.mktemp("undisturbed")))


def rerun(settings: Settings, *commands: str) -> None:
    for command in commands:
        outcome = CliRunner().invoke(app, [command], env=child_environment(settings))
        assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("kill", SYNC_KILLS)
def test_a_sync_killed_and_run_again_gives_the_same_marts(
    kill: str, landed: Settings, undisturbed: Rows
) -> None:
    step, when, call = SYNC_KILLS[kill]
    killed_at(step, ["sync"], landed, when, call)
    rerun(landed, "sync", "build")
    assert contents(landed) == undisturbed


def test_a_first_build_killed_and_run_again_gives_the_same_marts(
    landed_bare: Settings, undisturbed: Rows
) -> None:
    rerun(landed_bare, "sync")
    killed_at(
        "dbt.adapters.sql.connections:SQLConnectionManager.add_query", ["build"], landed_bare, "after", 160
    )
    rerun(landed_bare, "build")
    assert contents(landed_bare) == undisturbed


@pytest.mark.parametrize("kill", BUILD_KILLS)
def test_a_build_killed_and_run_again_gives_the_same_marts(
    kill: str, landed: Settings, undisturbed: Rows
) -> None:
    step, when, call = BUILD_KILLS[kill]
    rerun(landed, "sync")
    killed_at(step, ["build"], landed, when, call)
    rerun(landed, "build")
    assert contents(landed) == undisturbed


def test_a_second_run_changes_nothing(built: Settings, undisturbed: Rows) -> None:
    rerun(built, "sync", "build")
    assert contents(built) == undisturbed
