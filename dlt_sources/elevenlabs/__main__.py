"""Pulls ElevenLabs alone into a DuckDB file: `python -m dlt_sources.elevenlabs --help`."""

from dlt_sources.elevenlabs import provider
from dlt_sources.runner import run_alone

run_alone(provider)
