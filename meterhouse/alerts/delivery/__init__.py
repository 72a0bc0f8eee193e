"""Delivery: one module per channel, and the registry of channels."""
