"""Connections are independent: one that fails, even by our own fault, stops neither the others nor the marts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import duckdb
import pytest

from assets.partitions import partition_key
from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry
from meterhouse.connections.overview import overview
from meterhouse.doctor import Health, examine
from meterhouse.events.load import partitions_with_new_files
from meterhouse.quality import event_files, pulls
from meterhouse.settings import Settings
from orchestration.definitions import REFRESH_COSTS, build_defs

WRONG_KEY = "sk-admin-PLANTED-wrong"


def broken_fetch(credentials, window) -> Iterator:
    raise KeyError("no such field")
    yield


@pytest.fixture
def run(landed: Settings, sandbox, monkeypatch) -> dg.ExecuteInProcessResult:
    """The main job in Dagster: one key is wrong, the code of one provider is broken, one connection is well."""
    wrong = {"admin_key": WRONG_KEY, "base_url": sandbox.openai_url}
    registry.add(landed, "openai", "wrong key", wrong, is_checked=False)
    first, *others = PROVIDERS["anthropic"].reports
    broken = replace(PROVIDERS["anthropic"], reports=(replace(first, fetch=broken_fetch), *others))
    monkeypatch.setitem(PROVIDERS, "anthropic", broken)
    monkeypatch.setenv("METERHOUSE_HOME", str(landed.home_path))
    hour = max(partitions_with_new_files(landed))
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_defs().resolve_job_def(REFRESH_COSTS)
        return job.execute_in_process(
            instance=instance, partition_key=partition_key(hour), raise_on_error=False
        )


def test_marts_are_built_from_what_is_there_and_each_failure_says_its_reason(run, landed, sandbox):
    assert run.success, [event.step_key for event in run.all_events if event.is_step_failure]
    checks = {
        evaluation.asset_key.path[0]: evaluation
        for evaluation in run.get_asset_check_evaluations()
        if evaluation.check_name == "connections_synced"
    }
    assert {name for name, check in checks.items() if not check.passed} == {"openai", "anthropic"}
    assert set(checks["openai"].metadata) == {"wrong key"}
    assert "does not accept the key" in checks["openai"].metadata["wrong key"].value
    assert "failed inside Meterhouse (KeyError)" in checks["anthropic"].metadata["anthropic"].value

    judged = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in run.get_asset_check_evaluations()
    }
    pulled = {rule.name: judged["openai/pulled_days", rule.name] for rule in pulls.RULES}
    landed_events = {rule.name: judged["metering/events", rule.name] for rule in event_files.RULES}
    assert all(one.passed for one in (pulled | landed_events).values()), (pulled, landed_events)
    assert all(one.metadata["judged"].value for one in (pulled | landed_events).values())
    assert judged["openai/pulled_days", "rows_complete"].severity == dg.AssetCheckSeverity.ERROR
    fresh = judged["openai/pulled_days", "data_fresh"].metadata
    assert "OpenAI `openai`: last data" in fresh["openai"].value
    assert "no usage in the days that were read" in fresh["wrong key"].value
    assert ("anthropic/pulled_days", "rows_complete") not in judged

    with duckdb.connect(str(landed.published_path), read_only=True) as marts:
        billed = marts.execute(
            "select connection_id, sum(billed_cost_usd) from marts.fct_charges group by all"
        ).fetchall()
    well = registry.get(landed, "openai")
    assert [connection for connection, _ in billed] == [well.id]

    now = datetime.now(UTC)
    told = {one.connection.name: one.status for one in overview(landed, now)}
    assert told["openai"].reason.startswith("synced")
    assert "does not accept the key" in told["wrong key"].reason
    assert "failed inside Meterhouse" in told["anthropic"].reason
    advice = {
        finding.message: finding.next_step
        for finding in examine(landed, now)
        if finding.area == "connections"
    }
    assert len(advice) == 3
    for name in ("wrong key", "anthropic"):
        (step,) = (step for message, step in advice.items() if message.startswith(f"{name} is"))
        assert step == told[name].next_step
        assert step
    assert Health.FAULT in {finding.health for finding in examine(landed, now)}
    said = "".join(event.to_json() if hasattr(event, "to_json") else str(event) for event in run.all_events)
    assert WRONG_KEY not in said
