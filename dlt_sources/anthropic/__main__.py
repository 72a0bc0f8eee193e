"""Pulls Anthropic alone into a DuckDB file: `python -m dlt_sources.anthropic --help`."""

from dlt_sources.anthropic import provider
from dlt_sources.runner import run_alone

run_alone(provider)
