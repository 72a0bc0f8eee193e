"""Vercel AI Gateway on loopback."""
