"""The SDK as an application uses it: a landing folder, real clients, and a provider on loopback."""

import gzip
import json
import threading
from pathlib import Path

import meterhouse_sdk
import pytest
from meterhouse_sdk import trouble

from tests.sdk.provider_server import ProviderServer


def read_events(landing: Path) -> list[dict]:
    """Every event of the finished files of a landing folder."""
    files = sorted(landing.glob("events/date=*/hour=*/[!.]*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


class Landing:
    """The landing folder of one test."""

    def __init__(self, path: Path):
        self.path = path

    def events(self) -> list[dict]:
        assert meterhouse_sdk.flush(10)
        return read_events(self.path)

    def event(self) -> dict:
        (event,) = self.events()
        return event


@pytest.fixture
def landing(tmp_path, monkeypatch):
    for name in ("METERHOUSE_URL", "METERHOUSE_LANDING_URL", "METERHOUSE_ENVIRONMENT", "METERHOUSE_PRODUCT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METERHOUSE_SPOOL_FOLDER", "off")
    folder = tmp_path / "landing"
    folder.mkdir()
    trouble.start_afresh()
    meterhouse_sdk.configure(landing_url=str(folder), exit_timeout_seconds=0.1)
    yield Landing(folder)
    meterhouse_sdk.configure(exit_timeout_seconds=0.1)


@pytest.fixture(scope="session")
def provider():
    server = ProviderServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
