"""Pulls Deepgram alone into a DuckDB file: `python -m dlt_sources.deepgram --help`."""

from dlt_sources.deepgram import provider
from dlt_sources.runner import run_alone

run_alone(provider)
