"""Prices: the price book, the canonical model name, and the one pricing of events."""
