"""The alert path with a real Dagster daemon: from an event file in the landing zone to a message at Slack."""

import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import meterhouse_sdk
import pytest
from pydantic import SecretStr

from meterhouse.cli.up import dagster_environment
from meterhouse.control.database import engine
from meterhouse.settings import PROJECT_ROOT, Settings
from sandbox.server import Sandbox

AGENTS = [f"agent-{number}" for number in range(6)]
STARTED_SECONDS, MESSAGE_SECONDS = 120.0, 30.0


@pytest.fixture
def settings(tmp_path: Path, sandbox: Sandbox) -> Settings:
    made = Settings(
        home=tmp_path / "home",
        rules_file=PROJECT_ROOT / "alert_rules.yaml",
        slack_webhook_url=SecretStr(sandbox.slack_webhook_url),
    )
    (made.home_path / "landing").mkdir()
    engine(made)
    return made


@pytest.fixture
def daemon(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """`dagster dev` as `meterhouse up` starts it; yields its log."""
    with ExitStack() as held:
        free = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [str(one.getsockname()[1]) for one in free]
    log = tmp_path / "dagster.log"
    command = [
        *(sys.executable, "-m", "tests.killing", "-", "-", "1"),
        *("up", "--ui-port", ports[0], "--gateway-port", ports[1], "--console-port", ports[2]),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=dagster_environment(settings),
            stdout=output,
            stderr=output,
        )
        try:
            _wait(
                lambda: "Checking for new runs for sensor: alert_rules" in log.read_text(),
                STARTED_SECONDS,
                log,
            )
            yield log
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0, log.read_text()[-3000:]


def test_each_crossing_reaches_slack_once_while_the_daemon_runs(
    daemon: Path, settings: Settings, sandbox: Sandbox, record_property: Callable[[str, object], None]
) -> None:
    meterhouse_sdk.configure(landing_url=settings.landing_zone_url, producer="daemon-test")
    seconds = []
    for agent in AGENTS:
        meterhouse_sdk.meter(
            provider="openai",
            model="o1-pro",
            input_tokens=9_000,
            output_tokens=0,
            product="daemon-test",
            agent=agent,
            started_at=datetime.now(UTC) - timedelta(seconds=1),
        )
        assert meterhouse_sdk.flush(10)
        landed = time.monotonic()
        _wait(lambda agent=agent: _messages(sandbox, agent) > 0, MESSAGE_SECONDS, daemon)
        seconds.append(time.monotonic() - landed)
    record_property("file_to_message_seconds", seconds)
    sys.stdout.write(
        f"file to message: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s\n"
    )
    time.sleep(2)
    assert [_messages(sandbox, agent) for agent in AGENTS] == [1] * len(AGENTS)


def _messages(sandbox: Sandbox, agent: str) -> int:
    return sum(agent in str(message) for message in sandbox.slack.messages)


def _wait(is_so: Callable[[], bool], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)
