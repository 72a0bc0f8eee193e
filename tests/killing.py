"""Run a command of the product in a process that is really killed (SIGKILL) at a named step.

`killed_at("meterhouse.warehouse.publish:os.replace", ["build"], settings, when="before")` starts a process, wraps that
function so that the process kills itself before or after calling it, and runs `meterhouse build` in it. The product
itself has no hooks for this.
"""

import functools
import importlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

from meterhouse.settings import Settings, child_environment

ROOT = Path(__file__).resolve().parents[1]


def run(arguments: list[str], settings: Settings) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return _python(["-m", "tests.killing", "-", "-", *arguments], settings)


def killed_at(
    step: str, arguments: list[str], settings: Settings, when: str = "before", call: int = 1
) -> None:
    """Run a command that dies at the n-th call of `step` (`module:attribute.path`); fails when it survives."""
    outcome = _python(["-m", "tests.killing", step, f"{when}:{call}", *arguments], settings)
    assert outcome.returncode == -signal.SIGKILL, (
        f"{step} was not reached: exit {outcome.returncode}\n{outcome.stdout}\n{outcome.stderr}"
    )


def _python(arguments: list[str], settings: Settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def _die_at(step: str, when: str) -> None:
    module_name, path = step.split(":")
    module = importlib.import_module(module_name)
    owner_path, _, name = path.rpartition(".")
    owner = attrgetter(owner_path)(module) if owner_path else module
    original: Callable[..., Any] = getattr(owner, name)
    moment, call = when.split(":")
    calls = itertools.count(1)

    @functools.wraps(original)
    def dying(*args: Any, **kwargs: Any) -> Any:
        is_last = next(calls) == int(call)
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, dying)


if __name__ == "__main__":
    if sys.argv[1] != "-":
        _die_at(sys.argv[1], sys.argv[2])
    from meterhouse.cli.main import app

    app(sys.argv[3:])
