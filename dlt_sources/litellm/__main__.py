"""Pulls LiteLLM alone into a DuckDB file: `python -m dlt_sources.litellm --help`."""

from dlt_sources.litellm import provider
from dlt_sources.runner import run_alone

run_alone(provider)
