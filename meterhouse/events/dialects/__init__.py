"""Dialects of event files: one module each, all ending in the fields of the event as text."""
