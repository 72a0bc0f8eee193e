"""The overview: every connection with its status, as lists, the console and the warehouse show it.

What belongs here: putting registry, sync log and status together. What does not: how it is printed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from dlt_sources.registry import PROVIDERS
from meterhouse.connections.status import State, Status, status_of
from meterhouse.connections.sync_log import telling_runs
from meterhouse.control.database import reading
from meterhouse.control.tables import ConnectionRow, SyncRunRow
from meterhouse.settings import Settings


@dataclass(frozen=True)
class Overview:
    """One connection and what it is right now."""

    connection: ConnectionRow
    status: Status

    def as_json(self) -> dict[str, Any]:
        """The stable shape of design `connections list`; times are aware datetimes."""
        return {
            "name": self.connection.name,
            "provider": self.connection.provider,
            "status": self.status.state.value,
            "reason": self.status.reason,
            "last_data_at": self.status.last_data_at,
            "last_sync_at": self.status.last_sync_at,
            "next_step": self.status.next_step,
        }


def overview(settings: Settings, now: datetime) -> list[Overview]:
    """Every connection with its status, by name.

    Args:
        settings: Where the installation lives.
        now: The moment to judge at.
    """
    with reading(settings) as opened:
        connections = opened.scalars(select(ConnectionRow).order_by(ConnectionRow.name)).all()
        return [Overview(row, _status(row, telling_runs(opened, row.id), now)) for row in connections]


def _status(connection: ConnectionRow, runs: list[SyncRunRow], now: datetime) -> Status:
    provider = PROVIDERS.get(connection.provider)
    if provider is None:
        return Status(
            State.DISCONNECTED,
            f"this Meterhouse has no provider {connection.provider!r}",
            "Install the Meterhouse that has it, or remove the connection.",
            None,
            None,
        )
    return status_of(connection, runs, now, provider.freshness)
