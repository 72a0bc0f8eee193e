"""One endpoint for the tests of a module: a home, a key that may write and read, a client that shows it."""

from dataclasses import dataclass

import httpx
import pytest

from meterhouse.gateway import keys
from meterhouse.gateway.keys import Scope
from meterhouse.settings import Settings
from tests.gateway.endpoint import client, served


@dataclass(frozen=True)
class Endpoint:
    settings: Settings
    url: str
    key: str
    http: httpx.Client


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    settings = Settings(
        home=tmp_path_factory.mktemp("gateway"),
        gateway_max_body_bytes=400_000,
        gateway_max_unpacked_bytes=1_000_000,
        gateway_max_batch_events=500,
        gateway_max_event_bytes=20_000,
    )
    key = keys.create(settings, "tests", [Scope.WRITE, Scope.READ]).key
    assert key is not None
    with served(settings) as url, client(url, key) as http:
        yield Endpoint(settings, url, key, http)
