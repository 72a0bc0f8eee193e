"""Fireworks on loopback."""
