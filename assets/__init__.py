"""Dagster assets: provider pulls, metered events, dbt models, checks and the published marts. Thin: logic is in `meterhouse`."""
