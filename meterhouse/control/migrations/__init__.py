"""Alembic migrations of the control database, run by `meterhouse/control/database.py`."""
