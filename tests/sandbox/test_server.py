"""The sandbox as one server: on loopback, and alone."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.services import ACCOUNTS
from tests.sandbox.conftest import NOW

ROOT = Path(__file__).parent.parent.parent


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
        [sys.executable, "-m", "sandbox", "--days", "1"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        told = {}
        while "slack webhook" not in told:
            name, _, value = process.stdout.readline().rstrip("\n").partition(": ")
            assert name, "it ended before it had said everything"
            told[name] = value
        openai = httpx.get(
            f"{told['openai base_url']}/organization/projects",
            headers={"Authorization": f"Bearer {told['openai admin_key']}"},
        )
        anthropic = httpx.get(
            f"{told['anthropic base_url']}/v1/organizations/me",
            headers={"x-api-key": told["anthropic admin_key"], "anthropic-version": "2023-06-01"},
        )
        slack = httpx.post(told["slack webhook"], json={"text": "hello"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert [answer.status_code for answer in (openai, anthropic, slack)] == [200, 200, 200]
    assert {name.partition(" ")[0] for name in told} == {*ACCOUNTS, "slack"}
