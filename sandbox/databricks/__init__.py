"""Databricks on loopback: its statement API, answering SQL for real."""
