"""The doors of the metering endpoint: one module per protocol, from a request to a delivery and back to an answer."""
