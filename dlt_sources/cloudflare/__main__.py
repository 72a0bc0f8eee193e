"""Pulls Cloudflare AI Gateway alone into a DuckDB file: `python -m dlt_sources.cloudflare --help`."""

from dlt_sources.cloudflare import provider
from dlt_sources.runner import run_alone

run_alone(provider)
