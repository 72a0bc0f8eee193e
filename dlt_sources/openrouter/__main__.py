"""Pulls OpenRouter alone into a DuckDB file: `python -m dlt_sources.openrouter --help`."""

from dlt_sources.openrouter import provider
from dlt_sources.runner import run_alone

run_alone(provider)
