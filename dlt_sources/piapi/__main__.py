"""Pulls PiAPI alone into a DuckDB file: `python -m dlt_sources.piapi --help`."""

from dlt_sources.piapi import provider
from dlt_sources.runner import run_alone

run_alone(provider)
