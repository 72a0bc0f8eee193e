"""The sync log: which days are asked for next, so that none is ever left out."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from time import time_ns

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from uuid_utils import uuid7

from dlt_sources.contract import Fault, Window
from dlt_sources.registry import PROVIDERS
from meterhouse.connections import registry, sync_log
from meterhouse.connections.overview import overview
from meterhouse.connections.sync_log import window_for
from meterhouse.control.database import reading, session
from meterhouse.control.tables import SyncRunRow
from meterhouse.errors import UsageError
from meterhouse.settings import Settings
from tests.connections.fake_provider import GOOD_KEY, PROVIDER

TODAY = date(2026, 11, 23)
ONE_DAY = timedelta(days=1)


def at(day):
    return datetime.combine(day, datetime.min.time(), UTC).replace(hour=9)


def connect(settings, api):
    form = {"admin_key": GOOD_KEY, "base_url": api.url}
    return registry.add(settings, "fake", "production", form, is_checked=False)


def sync(settings, connection, today, is_good=True, first_day=None, last_day=None):
    window = window_for(settings, connection, PROVIDER, today, first_day, last_day)
    run = sync_log.start(settings, connection.id, window, at(today))
    if is_good:
        sync_log.succeed(settings, run, 7, today, at(today))
    else:
        sync_log.fail(settings, run, Fault.UNAVAILABLE, "It was away.", "Wait.", at(today))
    return window


def test_the_first_sync_asks_for_the_history_and_today(settings, api):
    connection = connect(settings, api)
    assert window_for(settings, connection, PROVIDER, TODAY) == Window(date(2026, 10, 24), date(2026, 11, 24))


def test_a_failed_or_killed_first_sync_leaves_the_history_to_ask_for(settings, api):
    connection = connect(settings, api)
    first = sync(settings, connection, TODAY, is_good=False)
    sync_log.start(settings, connection.id, first, at(TODAY))
    assert window_for(settings, connection, PROVIDER, TODAY) == first


def test_the_next_sync_looks_back_as_far_as_the_provider_restates(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY)
    tomorrow = TODAY + ONE_DAY
    assert window_for(settings, connection, PROVIDER, tomorrow) == Window(
        TODAY - 2 * ONE_DAY, tomorrow + ONE_DAY
    )


def test_days_missed_while_away_are_asked_for(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY - 20 * ONE_DAY)
    sync(settings, connection, TODAY - 10 * ONE_DAY, is_good=False)
    assert window_for(settings, connection, PROVIDER, TODAY).start == TODAY - 22 * ONE_DAY


def test_a_narrow_sync_by_hand_hides_no_gap(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY - 20 * ONE_DAY)
    sync(settings, connection, TODAY, first_day=TODAY)
    assert window_for(settings, connection, PROVIDER, TODAY).start == TODAY - 22 * ONE_DAY


def test_a_narrow_first_sync_by_hand_does_not_replace_the_history(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY, first_day=TODAY)
    assert window_for(settings, connection, PROVIDER, TODAY).start <= TODAY - PROVIDER.history


def test_days_by_hand_are_inclusive_and_end_today(settings, api):
    connection = connect(settings, api)
    first, last = date(2026, 11, 1), date(2026, 11, 3)
    assert window_for(settings, connection, PROVIDER, TODAY, first, last) == Window(first, date(2026, 11, 4))
    assert window_for(settings, connection, PROVIDER, TODAY, first, date(2027, 1, 1)).end == TODAY + ONE_DAY


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 11, 3), date(2026, 11, 2)), (TODAY + ONE_DAY, None), (TODAY + ONE_DAY, date(2027, 1, 1))],
)
def test_days_that_cannot_be_pulled_are_refused_in_words(home, api, first, last):
    with pytest.raises(UsageError, match="No day to pull lies between"):
        window_for(home, connect(home, api), PROVIDER, TODAY, first, last)


def test_a_day_that_was_unfinished_is_asked_for_again_though_a_sync_by_hand_began_behind_it(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY - 10 * ONE_DAY)
    sync(settings, connection, TODAY, first_day=TODAY - 9 * ONE_DAY)
    assert window_for(settings, connection, PROVIDER, TODAY).start <= TODAY - 10 * ONE_DAY


days_later = st.integers(min_value=0, max_value=12)
by_hand = st.none() | st.integers(min_value=0, max_value=40)


@given(history=st.lists(st.tuples(days_later, st.booleans(), by_hand), min_size=1, max_size=12))
@effort(max_examples=25, deadline=None)
def test_whatever_happened_before_every_day_is_covered_and_the_newest_are_looked_at_again(
    history, tmp_path_factory
):
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    row = registry.ConnectionRow(
        id="c",
        name="n",
        provider="fake",
        settings={},
        sealed_credentials=b"",
        readable_reports=[],
        created_at=at(TODAY),
    )
    with session(settings) as opened:
        opened.add(row)
    today, first_good, covered, pulled_at = TODAY, None, set(), {}
    for later, is_good, ago in history:
        today += timedelta(days=later)
        hand = None if ago is None else today - timedelta(days=ago)
        window = sync(settings, row, today, is_good, first_day=hand)
        if is_good:
            first_good = first_good or today
            covered |= set(window.days)
            pulled_at |= dict.fromkeys(window.days, today)
    final = window_for(settings, row, PROVIDER, today)
    origin = (first_good or today) - PROVIDER.history
    wanted = {origin + timedelta(days=n) for n in range((today - origin).days + 1)}
    assert wanted <= covered | set(final.days)
    assert final.end == today + ONE_DAY
    unfinished = {day for day, pulled in pulled_at.items() if pulled <= day}
    assert unfinished <= set(final.days)


def test_the_overview_tells_each_connections_own_story(settings, api):
    connection = connect(settings, api)
    registry.add(settings, "fake", "another", {"admin_key": GOOD_KEY, "base_url": api.url}, is_checked=False)
    sync(settings, connection, TODAY - ONE_DAY)
    sync(settings, connection, TODAY, is_good=False)
    another, production = overview(settings, at(TODAY))
    assert (another.connection.name, another.status.state) == ("another", "pending")
    assert production.status.state == "connected"
    assert "It was away." in production.status.reason
    assert production.status.last_data_at == datetime(2026, 11, 22, tzinfo=UTC)
    assert production.status.last_sync_at == at(TODAY - ONE_DAY)


def test_a_connection_whose_provider_is_gone_says_so(settings, api, monkeypatch):
    connect(settings, api)
    monkeypatch.delitem(PROVIDERS, "fake")
    (only,) = overview(settings, at(TODAY))
    assert (only.status.state, only.status.reason) == (
        "disconnected",
        "this Meterhouse has no provider 'fake'",
    )


def test_a_run_keeps_what_was_asked_and_how_it_ended(settings, api):
    connection = connect(settings, api)
    sync(settings, connection, TODAY, is_good=False)
    with reading(settings) as opened:
        (run,) = opened.query(SyncRunRow).all()
    assert (run.status, run.fault, run.message, run.next_step) == (
        "failed",
        "unavailable",
        "It was away.",
        "Wait.",
    )
    assert (run.window_start, run.window_end) == (TODAY - PROVIDER.history, TODAY + ONE_DAY)
    assert run.ended_at == at(TODAY)


def rhythm(hours):
    return replace(PROVIDER, interval=timedelta(hours=hours))


def run_at(settings, connection, moment, fault=None, requests=4, window=None):
    window = window or Window(moment.date() - ONE_DAY, moment.date() + ONE_DAY)
    run = sync_log.start(settings, connection.id, window, moment)
    if fault is None:
        sync_log.succeed(settings, run, 7, moment.date(), moment, requests)
    else:
        sync_log.fail(settings, run, fault, "It was away.", "Wait.", moment, requests)


def test_a_routine_sync_is_due_once_in_each_piece_of_the_day_however_late_it_began(settings, api):
    connection = connect(settings, api)
    morning = at(TODAY)
    assert sync_log.due_at(settings, connection, rhythm(8), morning) is None
    run_at(settings, connection, morning.replace(hour=15, minute=59))
    for hour, expected in ((15, None), (16, None)):
        now = morning.replace(hour=hour, minute=59, second=30)
        due = sync_log.due_at(settings, connection, rhythm(8), now)
        assert due == (morning.replace(hour=16) if hour == 15 else expected)
    assert sync_log.due_at(settings, connection, rhythm(24), morning.replace(hour=23)) == at(
        TODAY + ONE_DAY
    ).replace(hour=0)
    assert sync_log.due_at(settings, connection, PROVIDER, morning.replace(hour=16)) is None


@pytest.mark.parametrize(
    ("fault", "is_due"),
    [
        (Fault.UNAVAILABLE, True),
        (Fault.RATE_LIMITED, True),
        (Fault.PERMISSION, False),
        (Fault.CREDENTIALS, False),
        (Fault.CONTRACT, False),
    ],
)
def test_a_failed_pull_is_tried_again_at_once_only_where_waiting_mends_it(settings, api, fault, is_due):
    connection, now = connect(settings, api), at(TODAY)
    run_at(settings, connection, now, fault)
    assert (sync_log.due_at(settings, connection, rhythm(8), now + timedelta(hours=1)) is None) == is_due


def test_credentials_that_were_proven_since_are_tried_at_once(settings, api):
    connection, now = connect(settings, api), at(TODAY)
    run_at(settings, connection, now - timedelta(minutes=9), Fault.PERMISSION)
    connection.checked_at = now
    assert sync_log.due_at(settings, connection, rhythm(8), now + timedelta(minutes=1)) is None


def test_neither_old_days_pulled_by_hand_nor_a_clock_that_was_ahead_put_a_routine_sync_off(settings, api):
    connection, now = connect(settings, api), at(TODAY)
    run_at(settings, connection, now, window=Window(TODAY - 9 * ONE_DAY, TODAY - 7 * ONE_DAY))
    assert sync_log.due_at(settings, connection, rhythm(8), now) is None
    run_at(settings, connection, now + 400 * ONE_DAY)
    assert sync_log.due_at(settings, connection, rhythm(8), now) is None


def test_the_ids_of_runs_follow_each_other_though_the_clock_is_set_back(settings, api):
    connection, day = connect(settings, api), Window(TODAY, TODAY + ONE_DAY)
    ahead = str(uuid7(nanoseconds=(time_ns() + 400 * 86_400 * 10**9)))
    with session(settings) as opened:
        opened.add(
            SyncRunRow(
                id=ahead,
                connection_id=connection.id,
                window_start=day.start,
                window_end=day.end,
                started_at=at(TODAY),
                status=sync_log.RUNNING,
            )
        )
    runs = [sync_log.start(settings, connection.id, day, at(TODAY)) for _ in range(3)]
    assert [ahead, *runs] == sorted({ahead, *runs})


def test_requests_of_good_and_failed_pulls_are_kept(settings, api):
    connection, now = connect(settings, api), at(TODAY)
    assert sync_log.requests_spent(settings, connection.id, now) == (None, 0)
    run_at(settings, connection, now - 40 * ONE_DAY, requests=100)
    run_at(settings, connection, now - ONE_DAY, requests=9)
    run_at(settings, connection, now, Fault.UNAVAILABLE, requests=5)
    sync_log.start(settings, connection.id, Window(TODAY, TODAY + ONE_DAY), now)
    assert sync_log.requests_spent(settings, connection.id, now - 30 * ONE_DAY) == (5, 14)


def test_intervals_divide_the_day_and_leave_time_before_a_connection_counts_as_silent():
    for provider in PROVIDERS.values():
        assert not provider.interval or timedelta(days=1) % provider.interval == timedelta(0)
        assert 2 * provider.interval < provider.freshness
