"""One world and its server for all tests of the sandbox; each test finds its faults off and its books as built."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from sandbox.faults import Faults
from sandbox.server import Sandbox

NOW = datetime(2026, 11, 23, 15, 20, tzinfo=UTC)
PAYLOADS = Path(__file__).parent.parent / "data" / "provider_payloads"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def exact(response):
    return json.loads(response.text, parse_float=Decimal)


@pytest.fixture(scope="session")
def running():
    with Sandbox(6, 7, NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running) -> Iterator[Sandbox]:
    yield running
    for desk in (running.openai, running.anthropic):
        desk.world, desk.faults = running.world, Faults()
        desk.requests.clear()
    running.slack.messages.clear()
    running.slack.next_replies.clear()
    running.slack.attempts = 0


@pytest.fixture
def openai(sandbox):
    headers = {"Authorization": f"Bearer {sandbox.openai_keys.admin}"}
    with httpx.Client(base_url=sandbox.openai_url, headers=headers) as client:
        yield client


@pytest.fixture
def anthropic(sandbox):
    headers = {"x-api-key": sandbox.anthropic_keys.admin, "anthropic-version": "2023-06-01"}
    with httpx.Client(base_url=f"{sandbox.anthropic_url}/v1", headers=headers) as client:
        yield client


def pages(client, path, params):
    """All buckets of a report, page by page."""
    buckets, cursor = [], {}
    while True:
        body = exact(client.get(path, params=params | cursor).raise_for_status())
        buckets += body["data"]
        if not body["has_more"]:
            assert body["next_page"] is None
            return buckets
        cursor = {"page": body["next_page"]}
