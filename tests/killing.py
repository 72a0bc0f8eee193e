"""Run a command of the product in a process that is really killed (SIGKILL) at a named step.

`killed_at("meterhouse.warehouse.publish:os.replace", ["build"], settings, when="before")` starts a process, wraps that
function so that the process kills itself before or after calling it, and runs `meterhouse build` in it. The product
itself has no hooks for this.
"""

import functools
import itertools
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meterhouse.settings import Settings, child_environment

ROOT = Path(__file__).resolve().parents[1]


def run(arguments: list[str], settings: Settings, seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return _python(["-m", "tests.killing", "-", "-", "1", *arguments], settings, seconds)


def killed_at(
    step: str, arguments: list[str], settings: Settings, when: str = "before", call: int = 1
) -> None:
    """Run a command that dies at the n-th call of `step` (`module:attribute.path`); fails when it survives."""
    outcome = _python(["-m", "tests.killing", step, when, str(call), *arguments], settings)
    assert outcome.returncode == -signal.SIGKILL, (
        f"{step} was not reached: exit {outcome.returncode}\n{outcome.stdout}\n{outcome.stderr}"
    )


def _python(
    arguments: list[str], settings: Settings, seconds: float = 240
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def die_at(step: str, when: str, call: int = 1) -> None:
    """Make the n-th call of `step` (`module:attribute.path`) kill this process, before or after it."""
    owner_path, _, name = step.rpartition("." if "." in step.partition(":")[2] else ":")
    owner = pkgutil.resolve_name(owner_path)
    original: Callable[..., Any] = getattr(owner, name)
    calls = itertools.count(1)

    @functools.wraps(original)
    def dying(*args: Any, **kwargs: Any) -> Any:
        is_last = next(calls) == call
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = original(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, dying)


if __name__ == "__main__":
    from meterhouse.cli.main import app

    step, when, call, *arguments = sys.argv[1:]
    if step != "-":
        die_at(step, when, int(call))
    app(arguments)
