"""Pulls GitHub Copilot alone into a DuckDB file: `python -m dlt_sources.github_copilot --help`."""

from dlt_sources.github_copilot import provider
from dlt_sources.runner import run_alone

run_alone(provider)
