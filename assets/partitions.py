"""Partitions shared by assets: the hour in which event files arrived."""

import dagster as dg

ARRIVAL_HOURS = dg.HourlyPartitionsDefinition(start_date="2026-01-01-00:00", end_offset=1)
"""Hours of arrival in UTC, the running one included; the keys of Dagster look like `2026-01-01-00:00`."""


def landing_partition(key: str) -> str:
    """The landing zone's name (`YYYY-MM-DDTHH`) of a Dagster partition key."""
    return f"{key[:10]}T{key[11:13]}"


def partition_key(landing: str) -> str:
    """The Dagster partition key of a landing zone hour (`YYYY-MM-DDTHH`)."""
    return f"{landing[:10]}-{landing[11:13]}:00"
