"""Pulls Vercel AI Gateway alone into a DuckDB file: `python -m dlt_sources.vercel --help`."""

from dlt_sources.runner import run_alone
from dlt_sources.vercel import provider

run_alone(provider)
