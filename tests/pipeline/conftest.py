"""Worlds, and homes that were prepared in them.

The small world has two accounts, and its homes are copied for every test that breaks one: connections added and events
landed, or everything built. The world of the demo has all of them; its home is what one run of the demo left.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import meterhouse_sdk
import pytest

from meterhouse.cli.demo import LEDGER_FILE
from meterhouse.connections import registry, sync
from meterhouse.refresh import build
from meterhouse.settings import Settings
from sandbox.server import Sandbox
from tests.killing import run
from tests.postgres import postgres_database, postgres_server  # noqa: F401 (fixtures)

DAYS, SEED = 4, 11
ACCOUNTS = ("openai", "anthropic")
DEMO_SECONDS = 900
"""When a demo hangs; on two quiet cores it takes a tenth of it."""


@dataclass(frozen=True)
class Demo:
    """A finished demo: its home, what it printed on stdout and on stderr, and what is true of its world."""

    settings: Settings
    stdout: str
    stderr: str
    ledger: dict[str, Any]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    settings = Settings(home=tmp_path_factory.mktemp("demo") / "home")
    outcome = run(["demo", "--days", "3", "--json"], settings, seconds=DEMO_SECONDS)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    ledger = json.loads((settings.home_path / LEDGER_FILE).read_text())
    return Demo(settings, outcome.stdout, outcome.stderr, ledger)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(DAYS, SEED, datetime.now(UTC), accounts=ACCOUNTS) as running:
        yield running


@pytest.fixture(scope="session")
def landed_home(sandbox: Sandbox, empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Connections added and checked, every event in the landing zone; nothing pulled or loaded, empty marts."""
    settings = copied(empty_home, tmp_path_factory.mktemp("landed"))
    for access in sandbox.accesses:
        registry.add(settings, access.provider, access.account, access.values)
    (settings.home_path / "landing").mkdir(exist_ok=True)
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
def landed(landed_home: Path, tmp_path: Path) -> Settings:
    return copied(landed_home, tmp_path)


@pytest.fixture
def landed_bare(landed: Settings) -> Settings:
    """A landed home that has neither warehouse nor marts yet."""
    landed.warehouse_path.unlink()
    landed.published_path.unlink()
    return landed


@pytest.fixture
def built(built_home: Path, tmp_path: Path) -> Settings:
    return copied(built_home, tmp_path)


def copied(home: Path, folder: Path) -> Settings:
    """The settings of a copy of a home."""
    target = folder / "home"
    shutil.copytree(home, target, copy_function=shutil.copy2)
    os.utime(target)
    return Settings(home=target)
