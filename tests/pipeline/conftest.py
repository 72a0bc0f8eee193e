"""A world, and homes that were prepared in it: connections added and events landed, or everything built."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import meterhouse_sdk
import pytest

from meterhouse.connections import registry, sync
from meterhouse.refresh import build
from meterhouse.settings import Settings
from sandbox.server import Sandbox

DAYS, SEED = 4, 11


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(DAYS, SEED, datetime.now(UTC)) as running:
        yield running


@pytest.fixture(scope="session")
def landed_home(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Connections added and checked, every event in the landing zone; nothing pulled, loaded or built."""
    settings = Settings(home=tmp_path_factory.mktemp("landed") / "home")
    registry.add(
        settings, "openai", "openai", {"admin_key": sandbox.openai_keys.admin, "base_url": sandbox.openai_url}
    )
    registry.add(
        settings,
        "anthropic",
        "anthropic",
        {"admin_key": sandbox.anthropic_keys.admin, "base_url": sandbox.anthropic_url},
    )
    (settings.home_path / "landing").mkdir()
    meterhouse_sdk.configure(landing_url=settings.landing_zone_url, max_pending=20_000, batch_size=2_000)
    for event in [*sandbox.world.events, *sandbox.world.runaway_events]:
        meterhouse_sdk.meter(**event)
    assert meterhouse_sdk.flush(60)
    return settings.home_path


@pytest.fixture(scope="session")
def built_home(landed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landed home after one undisturbed sync and build."""
    settings = copied(landed_home, tmp_path_factory.mktemp("built"))
    for connection in registry.find(settings):
        assert sync.sync(settings, connection).error is None
    build(settings)
    return settings.home_path


@pytest.fixture
def landed(landed_home: Path, built_home: Path, tmp_path: Path) -> Settings:
    """A landed home with dbt's parsed project beside it, which only saves time."""
    settings = copied(landed_home, tmp_path)
    shutil.copytree(built_home / "dbt", settings.home_path / "dbt")
    return settings


@pytest.fixture
def built(built_home: Path, tmp_path: Path) -> Settings:
    return copied(built_home, tmp_path)


def copied(home: Path, folder: Path) -> Settings:
    """The settings of a copy of a home."""
    target = folder / "home"
    shutil.copytree(home, target, copy_function=shutil.copy2)
    os.utime(target)
    return Settings(home=target)
