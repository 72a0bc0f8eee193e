"""Cloudflare AI Gateway on loopback: its logs as the contract says, served from the books it is given."""
