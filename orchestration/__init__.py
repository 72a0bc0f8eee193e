"""Wiring: definitions, jobs and schedules. Nothing imports this but Dagster and its own entry points."""
