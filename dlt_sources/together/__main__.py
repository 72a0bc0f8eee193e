"""Pulls Together alone into a DuckDB file: `python -m dlt_sources.together --help`."""

from dlt_sources.runner import run_alone
from dlt_sources.together import provider

run_alone(provider)
