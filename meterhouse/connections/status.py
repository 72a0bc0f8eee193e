"""The status of a connection: derived from its syncs each time it is asked for, never stored.

Connected: the last sync succeeded, or a passing fault came after one that did. Pending: saved, first sync
not done. Disconnected: paused, refused for a lasting reason, or silent for longer than the provider's
freshness window. What belongs here: that judgement, in words. What does not: reading or writing anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from shlex import quote

from dlt_sources.contract import LASTING_FAULTS
from meterhouse.connections.sync_log import FAILED, SUCCEEDED
from meterhouse.control.tables import ConnectionRow, SyncRunRow


class State(StrEnum):
    """The three things a connection can be."""

    CONNECTED = "connected"
    PENDING = "pending"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class Status:
    """What a connection is, why, and what to do about it.

    `last_data_at` is the start of the newest UTC day that had usage, `last_sync_at` the end of the last sync
    that succeeded; both None when there is none. `next_step` is None when there is nothing to do.
    """

    state: State
    reason: str
    next_step: str | None
    last_data_at: datetime | None
    last_sync_at: datetime | None


def status_of(
    connection: ConnectionRow, runs: Sequence[SyncRunRow], now: datetime, freshness: timedelta
) -> Status:
    """Judge the connection.

    Args:
        connection: The connection.
        runs: Its runs, or the telling ones of them; runs still marked running count for nothing.
        now: The current time.
        freshness: Longest silence the provider's data may have.
    """
    ended = sorted((run for run in runs if run.ended_at is not None), key=lambda run: (run.ended_at, run.id))
    succeeded = [run for run in ended if run.status == SUCCEEDED]
    data_days = [run.last_data_day for run in succeeded if run.last_data_day is not None]
    newest_day = max(data_days, default=None)
    last_sync_at = succeeded[-1].ended_at if succeeded else None
    state, reason, next_step = _judge(
        connection, ended[-1] if ended else None, last_sync_at, newest_day, now, freshness
    )
    last_data_at = None if newest_day is None else datetime.combine(newest_day, time(), UTC)
    return Status(state, reason, next_step, last_data_at, last_sync_at)


def _judge(
    connection: ConnectionRow,
    last: SyncRunRow | None,
    last_sync_at: datetime | None,
    newest_day: date | None,
    now: datetime,
    freshness: timedelta,
) -> tuple[State, str, str | None]:
    sync = f"Run `meterhouse sync {quote(connection.name)}`"
    if connection.is_paused:
        return State.DISCONNECTED, "paused", f"Run `meterhouse connections resume {quote(connection.name)}`."
    if last is None:
        return (
            State.PENDING,
            "saved; the first sync is not done yet",
            f"{sync}, or `meterhouse up` for the schedule.",
        )
    failure = _failure(connection, last) if last.status == FAILED else None
    if failure and last.fault in LASTING_FAULTS:
        return State.DISCONNECTED, *failure
    if now - (last_sync_at or connection.created_at) > freshness:
        silence = f"no sync succeeded since {_minute(last_sync_at or connection.created_at)}"
        if failure:
            return State.DISCONNECTED, f"{silence}; the last one failed: {failure[0]}", failure[1]
        return (
            State.DISCONNECTED,
            silence,
            f"{sync}, and see that `meterhouse up` is running for the schedule.",
        )
    if failure:
        state = State.PENDING if last_sync_at is None else State.CONNECTED
        return state, f"the last sync failed and will be tried again: {failure[0]}", failure[1]
    if newest_day is None:
        return State.CONNECTED, "synced; the account had no usage in the days that were read", None
    return State.CONNECTED, f"synced; newest usage of {newest_day}", None


def _failure(connection: ConnectionRow, run: SyncRunRow) -> tuple[str, str | None]:
    """The run's failure in words; once the credentials were proven since, a sync is the next step."""
    message = run.message or "the sync failed without saying why"
    if (
        connection.checked_at is not None
        and run.ended_at is not None
        and connection.checked_at > run.ended_at
    ):
        return (
            message,
            f"The credentials were proven good since: run `meterhouse sync {quote(connection.name)}`.",
        )
    return message, run.next_step


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
