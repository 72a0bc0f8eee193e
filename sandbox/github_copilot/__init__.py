"""GitHub's billing API on loopback."""
