"""Settings on each control database we promise: SQLite, and a real PostgreSQL."""

import pytest

from meterhouse.settings import Settings
from tests.postgres import postgres_database, postgres_server  # noqa: F401


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    """An empty installation on each database in turn."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return Settings(home=tmp_path / "home", control_url=url)
