"""Together on loopback."""
