"""Work that outlasts a request: pulls and builds, each a command of `meterhouse` in a process of its own.

A job's process shares nothing with the console but the installation, and may be killed at any point like the command
itself. What does not belong here: what the commands do.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from meterhouse.errors import UsageError
from meterhouse.settings import Settings, child_environment

_KEPT_CHARACTERS = 4_000

Command = Sequence[str]


@dataclass
class Job:
    """One piece of work: its steps, the one it is at, and how it ended."""

    name: str
    steps: list[tuple[str, Command]]
    """What to say while a step runs, and its command."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    step: str = ""
    ended_at: datetime | None = None
    fault: str | None = None
    """What the command that failed said."""

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None


class Jobs:
    """The jobs of this process; one of a name at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._is_ending = False

    def start(self, name: str, steps: list[tuple[str, Command]]) -> Job:
        """Begin a job.

        Raises:
            UsageError: One of that name is running.
        """
        with self._lock:
            if (running := self._jobs.get(name)) and running.is_running:
                raise UsageError(f"This is running already: {running.step}.", "Wait for it to end.")
            job = self._jobs[name] = Job(name, steps, step=steps[0][0])
        threading.Thread(target=self._run, args=(job,), daemon=True).start()
        return job

    def find(self, name: str) -> Job | None:
        """The last job of that name."""
        return self._jobs.get(name)

    def end(self) -> None:
        """End the processes that still run; whatever they were at is safe to repeat."""
        with self._lock:
            self._is_ending = True
            for process in self._processes.values():
                process.terminate()

    def _run(self, job: Job) -> None:
        for said, command in job.steps:
            job.step = said
            fault = self._fault_of(job, command)
            if fault is not None:
                job.fault = fault
                break
        job.ended_at = datetime.now(UTC)

    def _fault_of(self, job: Job, command: Command) -> str | None:
        """Run one command; what it said when it failed, None when all is well."""
        with self._lock:
            if self._is_ending:
                return "The console was ended."
            process = self._processes[job.name] = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "meterhouse.cli.main", *command],
                env=child_environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        _, said = process.communicate()
        return (
            None
            if process.returncode == 0
            else said[-_KEPT_CHARACTERS:].strip() or "It ended without a word."
        )
