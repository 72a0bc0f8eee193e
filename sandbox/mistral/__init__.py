"""Mistral on loopback."""
