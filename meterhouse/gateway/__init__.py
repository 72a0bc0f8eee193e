"""The metering endpoint: HTTP doors in front of the landing zone, and the API keys that open them."""
