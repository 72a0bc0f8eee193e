"""A provider on loopback that pages for real, and a pipeline into a real DuckDB file."""

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dlt_sources import anthropic, openai
from dlt_sources.contract import Provider
from dlt_sources.http import Patience
from tests.dlt_sources import aws as aws_account
from tests.dlt_sources.azure import Azure
from tests.dlt_sources.fake_provider import FakeProvider
from tests.dlt_sources.warehouse import Warehouse

NOW = datetime(2026, 10, 20, 12, 30, 15, 250_000, tzinfo=UTC)
QUICK = Patience(tries=6, deadline=5.0, timeout=0.5, first_wait=0.01, longest_wait=0.02)


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as server:
        yield server


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path)


@pytest.fixture(scope="session")
def openai_provider() -> Provider:
    return openai.build_provider(clock=lambda: NOW, patience=QUICK)


@pytest.fixture(scope="session")
def anthropic_provider() -> Provider:
    return anthropic.build_provider(clock=lambda: NOW, patience=QUICK)


@pytest.fixture
def azure() -> Iterator[Azure]:
    with Azure() as server:
        yield server


@pytest.fixture
def aws():
    with aws_account.served_aws() as served:
        yield served
