"""Pulls Cursor alone into a DuckDB file: `python -m dlt_sources.cursor --help`."""

from dlt_sources.cursor import provider
from dlt_sources.runner import run_alone

run_alone(provider)
