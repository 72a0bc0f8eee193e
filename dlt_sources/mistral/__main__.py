"""Pulls Mistral alone into a DuckDB file: `python -m dlt_sources.mistral --help`."""

from dlt_sources.mistral import provider
from dlt_sources.runner import run_alone

run_alone(provider)
