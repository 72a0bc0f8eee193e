"""Pulls Snowflake alone into a DuckDB file: `python -m dlt_sources.snowflake --help`."""

from dlt_sources.runner import run_alone
from dlt_sources.snowflake import provider

run_alone(provider)
