"""xAI on loopback."""
