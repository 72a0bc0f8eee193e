"""Pulls bills in files alone into a DuckDB file: `python -m dlt_sources.file --help`."""

from dlt_sources.file import provider
from dlt_sources.runner import run_alone

run_alone(provider)
