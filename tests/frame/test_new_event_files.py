"""The sensor of new event files asks for every hour that is due, again when a run failed, and for no other."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets.resources import Installation
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition
from meterhouse.settings import Settings
from orchestration.definitions import build_defs
from sensors import new_event_files
from tests.events.making import event, jsonl


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Asks the sensor at a time of day, while runs are there; its requests by partition."""
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    defs = build_defs()
    sensor = next(one for one in defs.sensors if one.name == "new_event_files")

    def ask(now: datetime, *runs: dg.DagsterRun) -> dict[str, dg.RunRequest]:
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return now

        monkeypatch.setattr(new_event_files, "datetime", Clock)
        with dg.DagsterInstance.ephemeral() as instance:
            for run in runs:
                instance.add_run(run)
            resources = {"installation": Installation()}
            context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
            requests = sensor.evaluate_tick(context).run_requests or []
        return {request.partition_key: request for request in requests}

    return ask


def test_an_hour_that_dagster_does_not_know_holds_up_no_other(asked):
    zone = open_landing_zone(Settings())
    for hour in ("2026-11-20T09", "2019-01-01T00", "2999-01-01T00"):
        write_file(zone, f"{partition_folder(hour)}/a.jsonl", b"{}\n")
    assert list(asked(datetime(2026, 11, 23, 9, tzinfo=UTC))) == ["2026-11-20-09:00"]


def test_files_still_due_are_asked_for_again_an_hour_later_because_their_run_failed(asked):
    write_file(open_landing_zone(Settings()), f"{partition_folder('2026-11-20T09')}/a.jsonl", b"{}\n")
    first, soon, later = (
        asked(datetime(2026, 11, 23, 9 + n // 60, n % 60, tzinfo=UTC))["2026-11-20-09:00"]
        for n in (0, 59, 60)
    )
    assert first.run_key == soon.run_key
    assert first.run_key != later.run_key


def test_all_marts_are_built_first_and_then_what_events_touch(asked):
    write_file(open_landing_zone(Settings()), f"{partition_folder('2026-11-20T09')}/a.jsonl", b"{}\n")
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert [request.job_name for request in asked(now).values()] == ["build_marts"]
    Settings().published_path.parent.mkdir()
    Settings().published_path.touch()
    assert [request.job_name for request in asked(now).values()] == ["meter_events"]


def test_nothing_is_asked_for_while_a_run_is_under_way_so_that_runs_never_pile_up(asked):
    write_file(open_landing_zone(Settings()), f"{partition_folder('2026-11-20T09')}/a.jsonl", b"{}\n")
    now = datetime.now(UTC)
    run = dg.DagsterRun(job_name="meter_events", status=dg.DagsterRunStatus.STARTED)
    assert not asked(now, run)
    assert asked(now, dg.DagsterRun(job_name="meter_events", status=dg.DagsterRunStatus.FAILURE))
    assert asked(now + 2 * new_event_files.LONGEST_RUN, run), "its process may have been killed"


def test_events_whose_run_failed_after_loading_them_are_published_though_nothing_more_arrives(asked):
    write_file(open_landing_zone(Settings()), f"{partition_folder('2026-11-20T09')}/a.jsonl", jsonl(event()))
    load_partition(Settings(), "2026-11-20T09")
    now = datetime.now(UTC)
    assert not asked(now), "they may be on their way"
    late = now.replace(minute=0) + timedelta(hours=1)
    [(partition, first)] = asked(late).items()
    assert partition in (f"{now:%Y-%m-%d-%H}:00", f"{now - timedelta(minutes=1):%Y-%m-%d-%H}:00")
    [soon] = asked(late + timedelta(minutes=9)).values()
    [later] = asked(late + timedelta(minutes=10)).values()
    assert first.run_key == soon.run_key != later.run_key
    Settings().published_path.parent.mkdir()
    Settings().published_path.touch()
    assert not asked(late)
