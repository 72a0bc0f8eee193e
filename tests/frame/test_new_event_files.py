"""The sensor of new event files asks for every hour that is due, again when a run failed, and for no other."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.resources import Installation
from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.settings import Settings
from orchestration.definitions import build_defs
from sensors import new_event_files


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Asks the sensor at a time of day; its run keys by partition."""
    monkeypatch.setenv("METERHOUSE_HOME", str(tmp_path))
    defs = build_defs()
    sensor = next(one for one in defs.sensors if one.name == "new_event_files")

    def ask(now: datetime) -> dict[str, str]:
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return now

        monkeypatch.setattr(new_event_files, "datetime", Clock)
        with dg.DagsterInstance.ephemeral() as instance:
            resources = {"installation": Installation()}
            context = dg.build_sensor_context(instance=instance, definitions=defs, resources=resources)
            requests = sensor.evaluate_tick(context).run_requests
        return {request.partition_key: request.run_key for request in requests}

    return ask


def test_an_hour_that_dagster_does_not_know_holds_up_no_other(asked):
    zone = open_landing_zone(Settings())
    for hour in ("2026-11-20T09", "2019-01-01T00", "2999-01-01T00"):
        write_file(zone, f"{partition_folder(hour)}/a.jsonl", b"{}\n")
    assert list(asked(datetime(2026, 11, 23, 9, tzinfo=UTC))) == ["2026-11-20-09:00"]


def test_files_still_due_are_asked_for_again_an_hour_later_because_their_run_failed(asked):
    write_file(open_landing_zone(Settings()), f"{partition_folder('2026-11-20T09')}/a.jsonl", b"{}\n")
    first, soon, later = (asked(datetime(2026, 11, 23, 9 + n // 60, n % 60, tzinfo=UTC)) for n in (0, 59, 60))
    assert first == soon
    assert first.keys() == later.keys()
    assert first != later
