"""Deepgram on loopback."""
