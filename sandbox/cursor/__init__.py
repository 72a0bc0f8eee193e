"""Cursor on loopback."""
