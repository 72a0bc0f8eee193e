"""Pulls DeepSeek alone into a DuckDB file: `python -m dlt_sources.deepseek --help`."""

from dlt_sources.deepseek import provider
from dlt_sources.runner import run_alone

run_alone(provider)
