"""Connections: accounts at providers, their sealed credentials, their syncs, the status derived from them."""
