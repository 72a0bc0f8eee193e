"""Pulls OpenAI alone into a DuckDB file: `python -m dlt_sources.openai --help`."""

from dlt_sources.openai import provider
from dlt_sources.runner import run_alone

run_alone(provider)
