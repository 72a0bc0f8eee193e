"""Pulls Fireworks alone into a DuckDB file: `python -m dlt_sources.fireworks --help`."""

from dlt_sources.fireworks import provider
from dlt_sources.runner import run_alone

run_alone(provider)
