"""Dagster assets: provider pulls, metered events, dbt models, published marts. Thin: logic is in `meterhouse`."""
