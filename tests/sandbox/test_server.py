"""The sandbox as one server: on loopback, and alone."""

import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.conftest import NOW


def test_it_listens_on_loopback_only_while_it_is_open():
    with Sandbox(1, 3, NOW) as sandbox:
        assert sandbox.openai_url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{sandbox.openai_url}/organization/projects").status_code == 401
        assert httpx.get(f"{sandbox.anthropic_url}/v1/organizations/me").status_code == 401
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_it_runs_alone_and_prints_where_everything_is():
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--days", "1"], stdout=subprocess.PIPE, text=True
    ) as process:
        printed = [process.stdout.readline() for _ in range(7)]
        places = dict(line.rsplit(maxsplit=1) for line in printed)
        headers = {"Authorization": f"Bearer {places['  Admin key']}"}
        assert httpx.get(f"{places['OpenAI']}/organization/costs", headers=headers).status_code in (
            400,
            403,
            401,
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert datetime.now(UTC).year >= 2026
