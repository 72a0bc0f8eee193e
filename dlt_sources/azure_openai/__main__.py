"""Pulls Azure OpenAI alone into a DuckDB file: `python -m dlt_sources.azure_openai --help`."""

from dlt_sources.azure_openai import provider
from dlt_sources.runner import run_alone

run_alone(provider)
