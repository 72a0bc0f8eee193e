"""The status of a connection, case by case."""

from datetime import UTC, date, datetime, timedelta

import pytest

from meterhouse.connections.status import State, status_of
from meterhouse.control.tables import ConnectionRow, SyncRunRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, FRESHNESS = timedelta(hours=1), timedelta(days=2)
CONNECTED, PENDING, DISCONNECTED = State


def connection(**changes):
    values = {
        "id": "c",
        "name": "my prod",
        "is_paused": False,
        "created_at": NOW - 30 * HOUR,
        "checked_at": None,
    }
    return ConnectionRow(**(values | changes))


def run(status, ago, **changes):
    ended = None if status == "running" else NOW - ago
    return SyncRunRow(id=f"r{ago}", status=status, started_at=NOW - ago - HOUR, ended_at=ended, **changes)


def good(ago, day=date(2026, 11, 22)):
    return run("succeeded", ago, last_data_day=day)


def bad(ago, fault, message="It failed.", next_step="Mend it."):
    return run("failed", ago, fault=fault, message=message, next_step=next_step)


CASES = {
    "saved and never synced": (
        {}, [], PENDING, "saved; the first sync is not done yet", "meterhouse sync 'my prod'",
    ),
    "saved long ago and never synced": (
        {"created_at": NOW - 900 * HOUR}, [], PENDING, "first sync is not done", "meterhouse up",
    ),
    "the first sync was killed": ({}, [run("running", 9 * HOUR)], PENDING, "first sync is not done", "sync"),
    "the first sync met a passing fault": (
        {}, [bad(HOUR, "rate_limited")], PENDING, "will be tried again: It failed.", "Mend it.",
    ),
    "the first syncs failed for longer than the window": (
        {"created_at": NOW - 49 * HOUR}, [bad(HOUR, "unavailable")],
        DISCONNECTED, "since 2026-11-21 11:00 UTC; the last one failed: It failed.", "Mend it.",
    ),
    "the first sync was refused": ({}, [bad(HOUR, "permission")], DISCONNECTED, "It failed.", "Mend it."),
    "the last sync succeeded": ({}, [good(HOUR)], CONNECTED, "newest usage of 2026-11-22", None),
    "the account had no usage": ({}, [good(HOUR, None)], CONNECTED, "the account had no usage", None),
    "no usage lately, some before": (
        {}, [good(HOUR, None), good(9 * HOUR)], CONNECTED, "newest usage of 2026-11-22", None,
    ),
    "a good connection met a passing fault": (
        {}, [good(9 * HOUR), bad(HOUR, "unavailable")], CONNECTED, "tried again: It failed.", "Mend it.",
    ),
    "a good connection failed on our side": (
        {}, [good(9 * HOUR), bad(HOUR, None)], CONNECTED, "will be tried again: It failed.", "Mend it.",
    ),
    "a good connection was refused": (
        {}, [good(9 * HOUR), bad(HOUR, "credentials")], DISCONNECTED, "It failed.", "Mend it.",
    ),
    "refused, then given other credentials that were proven": (
        {"checked_at": NOW}, [good(9 * HOUR), bad(HOUR, "credentials")],
        DISCONNECTED, "It failed.", "proven good since: run `meterhouse sync 'my prod'`",
    ),
    "refused once, good again": ({}, [bad(9 * HOUR, "credentials"), good(HOUR)], CONNECTED, "synced", None),
    "a killed sync after a good one": (
        {}, [good(9 * HOUR), run("running", HOUR)], CONNECTED, "newest usage", None,
    ),
    "exactly as old as the window allows": ({}, [good(FRESHNESS)], CONNECTED, "synced", None),
    "silent for longer than the window": (
        {}, [good(FRESHNESS + HOUR / 60)],
        DISCONNECTED, "no sync succeeded since 2026-11-21 11:59 UTC", "meterhouse up",
    ),
    "paused, however good": (
        {"is_paused": True}, [good(HOUR)], DISCONNECTED, "paused", "meterhouse connections resume 'my prod'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("row", "runs", "state", "reason", "next_step"), CASES.values(), ids=CASES)
def test_a_connection_is(row, runs, state, reason, next_step):
    for order in (runs, runs[::-1]):
        status = status_of(connection(**row), order, NOW, FRESHNESS)
        assert status.state == state
        assert reason in status.reason
        assert status.next_step is None if next_step is None else next_step in status.next_step


def test_times_are_of_the_newest_data_and_the_last_good_sync():
    runs = [good(9 * HOUR, date(2026, 11, 21)), good(3 * HOUR, None), bad(HOUR, "unavailable")]
    status = status_of(connection(), runs, NOW, FRESHNESS)
    assert status.last_data_at == datetime(2026, 11, 21, tzinfo=UTC)
    assert status.last_sync_at == NOW - 3 * HOUR


def test_before_the_first_sync_there_are_no_times():
    status = status_of(connection(), [bad(HOUR, "unavailable")], NOW, FRESHNESS)
    assert (status.last_data_at, status.last_sync_at) == (None, None)
