"""Dagster sensors: new event files and alert rules. Thin: logic is in `meterhouse`."""
