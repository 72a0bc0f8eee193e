"""Stored events as the published marts have them: each once, by the names of the event's own fields.

What belongs here: reading events back. What does not: judging (`alerts/`) and pricing (`pricing/`) them again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from meterhouse.published import published_marts
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
        NothingPublishedError: Nothing was published yet.
    """
    chosen = ", ".join(f"{NAMES_IN_MART.get(name, name)} as {name}" for name in columns)
    query = f"select {chosen} from marts.fct_transactions where {where}"  # noqa: S608 (conditions are ours)
    with published_marts(settings) as marts:
        return pl.DataFrame(marts.sql(query, params=dict(parameters)).to_arrow_table())


def started_between(start: datetime, end: datetime) -> tuple[str, dict[str, datetime]]:
    """The condition of a span, the end left out, and its parameters."""
    return "started_at >= $start and started_at < $end", {"start": start, "end": end}
