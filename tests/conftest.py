"""What all tests share: names that are the same in every process, and the home where tests that build marts start."""

from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from meterhouse.refresh import build
from meterhouse.settings import Settings

settings.register_profile("faults", max_examples=1_000)


def pytest_make_parametrize_id(config, val, argname):
    """Bytes are named after their argument: they may hold the time at which they were packed."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose marts stand empty, built and published whole once for all workers: builds on a copy look only at
    what was pulled and landed since."""
    shared = tmp_path_factory.getbasetemp()
    if shared.name.startswith("popen-"):
        shared = shared.parent
    home, done = shared / "empty" / "home", shared / "empty" / "done"
    with FileLock(shared / "empty.lock"):
        if not done.exists():
            build(Settings(home=home))
            done.touch()
    return home
