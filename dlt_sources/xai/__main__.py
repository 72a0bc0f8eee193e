"""Pulls xAI alone into a DuckDB file: `python -m dlt_sources.xai --help`."""

from dlt_sources.runner import run_alone
from dlt_sources.xai import provider

run_alone(provider)
