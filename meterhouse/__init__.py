"""Meterhouse as a library: connections, events, pricing, alerts, the warehouse. It knows no Dagster."""
