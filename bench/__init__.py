"""Measurements, each a script of its own that starts what it measures and prints figures as JSON."""
