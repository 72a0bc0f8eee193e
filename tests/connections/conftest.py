"""An installation on each control database, and a small provider whose API runs on loopback."""

import pytest

from dlt_sources.registry import PROVIDERS
from meterhouse.settings import Settings
from tests.connections import fake_provider
from tests.postgres import postgres_database, postgres_server  # noqa: F401


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    """An empty installation on each database in turn."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return Settings(home=tmp_path / "home", control_url=url)


@pytest.fixture
def home(tmp_path):
    """An empty installation on SQLite."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def api(monkeypatch):
    """The provider `fake`, registered, with its API running."""
    monkeypatch.setitem(PROVIDERS, "fake", fake_provider.PROVIDER)
    with fake_provider.running() as running:
        yield running
