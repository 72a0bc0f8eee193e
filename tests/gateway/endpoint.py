"""The endpoint as its users meet it: served on loopback in this process, or in one of its own that can be killed."""

import contextlib
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import uvicorn

from meterhouse.events.landing import list_files, open_landing_zone, read_bytes
from meterhouse.events.reader import FileReading, read_landing_file
from meterhouse.gateway.app import build_app
from meterhouse.settings import Settings, child_environment
from tests.events.making import LATER

START_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]
LINES = {"content-type": "application/x-ndjson"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The endpoint in a thread of this process; its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(build_app(settings), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class GatewayProcess:
    """`meterhouse gateway` in a process of its own."""

    def __init__(self, settings: Settings, workers: int = 1) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "meterhouse.cli.main", "gateway"),
            *("--port", str(self.port), "--workers", str(workers)),
        ]
        self._environment = child_environment(settings)
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment)
        wait_until(self.is_ready)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, "the gateway ended"
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=START_SECONDS)


def wait_until(is_so) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=120)


def as_lines(events: list[dict]) -> bytes:
    return "\n".join(json.dumps(event) for event in events).encode()


def newest_landed(settings: Settings) -> FileReading:
    """The newest landing file, read by the one reader."""
    zone = open_landing_zone(settings)
    return read_landing_file(zone, max(list_files(zone), key=lambda file: file.url), 0, LATER)


def landed_lines(settings: Settings) -> list[dict]:
    """Every good or conflicting line of every landing file, in order of arrival."""
    zone = open_landing_zone(settings)
    files = sorted(list_files(zone), key=lambda file: file.url)
    texts = (
        pa.input_stream(io.BytesIO(read_bytes(zone, file.url)), compression="zstd").read() for file in files
    )
    return [json.loads(line) for text in texts for line in text.splitlines() if b'"received_at":"' in line]
