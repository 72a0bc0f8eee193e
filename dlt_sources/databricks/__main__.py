"""Pulls Databricks alone into a DuckDB file: `python -m dlt_sources.databricks --help`."""

from dlt_sources.databricks import provider
from dlt_sources.runner import run_alone

run_alone(provider)
