"""Pulls Google alone into a DuckDB file: `python -m dlt_sources.google --help`."""

from dlt_sources.google import provider
from dlt_sources.runner import run_alone

run_alone(provider)
