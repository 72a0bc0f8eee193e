"""Pulls AWS Bedrock alone into a DuckDB file: `python -m dlt_sources.aws_bedrock --help`."""

from dlt_sources.aws_bedrock import provider
from dlt_sources.runner import run_alone

run_alone(provider)
