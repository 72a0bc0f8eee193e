"""Freshness: the age of the newest data against what the connection's own syncs found."""

from datetime import UTC, datetime, time, timedelta

import pytest

from meterhouse.connections.sync_log import SUCCEEDED
from meterhouse.control.tables import SyncRunRow
from meterhouse.quality.freshness import freshness_of
from tests.connections.fake_provider import PROVIDER
from tests.connections.test_status import connection

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def hourly(days, data_day, silent_hours=0):
    """Runs of each hour of the last days; `data_day` tells the newest day with data that one at a time finds."""
    runs = []
    for hours_ago in range(24 * days, -1, -1):
        at = NOW - timedelta(hours=hours_ago)
        found = None if hours_ago < silent_hours else data_day(at)
        runs.append(SyncRunRow(status=SUCCEEDED, started_at=at, ended_at=at, last_data_day=found))
    return runs


def yesterday_from_six(at):
    return (at - timedelta(days=1, hours=6)).date()


def weekdays(at):
    return next(day for back in range(4) if (day := (at - timedelta(days=back)).date()).weekday() < 5)


def said(runs):
    return freshness_of(PROVIDER, connection(name="team-a"), runs, NOW)


def test_the_usual_lag_is_the_connections_own():
    found = said(hourly(20, yesterday_from_six))
    assert found.is_fresh
    assert found.sentence == "Fake `team-a`: last data 36 h ago, usual is 53 h."


def test_a_silence_is_told_and_does_not_become_usual_by_lasting():
    for silent_hours in (48, 24 * 10):
        found = said(hourly(27, yesterday_from_six, silent_hours))
        newest = datetime.combine(yesterday_from_six(NOW - timedelta(hours=silent_hours)), time(), UTC)
        age = (NOW - newest) // timedelta(hours=1)
        assert found.sentence == f"Fake `team-a`: last data {age} h ago, usual is 53 h."
        assert not found.is_fresh
        assert "meterhouse sync team-a" in found.next_step


def test_quiet_weekends_are_usual():
    monday_morning = datetime(2026, 11, 23, 1, tzinfo=UTC)
    runs = [one for one in hourly(28, weekdays) if one.started_at < monday_morning - timedelta(hours=1)]
    found = freshness_of(PROVIDER, connection(name="team-a"), runs, monday_morning)
    assert found.sentence.startswith("Fake `team-a`: last data 73 h ago")
    assert found.is_fresh


@pytest.mark.parametrize(("silent_hours", "is_fresh"), [(0, True), (36, False)])
def test_a_young_connection_is_measured_by_its_provider(silent_hours, is_fresh):
    found = said(hourly(5, yesterday_from_six, silent_hours))
    assert found.is_fresh is is_fresh
    assert "this provider's is at most 48 h" in found.sentence


def test_an_account_without_usage_is_not_late():
    assert said(hourly(9, lambda at: None)).is_fresh
    assert said([]).is_fresh
