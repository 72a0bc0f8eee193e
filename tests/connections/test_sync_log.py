"""The sync log: which days are asked for next, so that none is ever left out."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

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
