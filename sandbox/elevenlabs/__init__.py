"""ElevenLabs on loopback."""
