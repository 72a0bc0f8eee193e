"""Metering events: schema, landing zone, reading and checking of event files, load into the warehouse."""
