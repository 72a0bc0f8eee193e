"""Snowflake on loopback: its SQL API, answering SQL for real."""
