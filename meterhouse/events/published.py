"""Stored events as the published marts have them: each once, by the names of the event's own fields.

What belongs here: reading events back. What does not: judging (`alerts/`) and pricing (`pricing/`) them again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from meterhouse.errors import UsageError
from meterhouse.settings import Settings

NAMES_IN_MART = {
    "model": "requested_model",
    "canonical_model": "model",
    "response_model": "served_model",
    "connection": "requested_connection",
    "service_tier": "tier",
}
"""Fields of the event that the mart knows by another name; its tier is `standard` where none was said,
and `batch` for a batch call."""


def stored_events(
    settings: Settings,
    columns: Iterable[str],
    where: str,
    parameters: Mapping[str, Any],
) -> pl.DataFrame:
    """Columns of the events of a condition on `fct_transactions`; time zone UTC.

    Raises:
        UsageError: There are no published marts.
    """
    if not settings.published_path.exists():
        raise UsageError("Nothing has been published yet.", "Run `meterhouse build` first.")
    chosen = ", ".join(f"{NAMES_IN_MART.get(name, name)} as {name}" for name in columns)
    query = f"select {chosen} from marts.fct_transactions where {where}"  # noqa: S608 (conditions are ours)
    with duckdb.connect(settings.published_path, read_only=True) as marts:
        marts.execute("set timezone = 'UTC'")
        return pl.DataFrame(marts.sql(query, params=dict(parameters)).to_arrow_table())


def started_between(start: datetime, end: datetime) -> tuple[str, dict[str, datetime]]:
    """The condition of a span, the end left out, and its parameters."""
    return "started_at >= $start and started_at < $end", {"start": start, "end": end}
