"""One small account per provider and test."""

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")

from collections.abc import Iterator

import pytest

from tests.conformance.small import NAMES, Account, served


@pytest.fixture(params=NAMES)
def account(request) -> Iterator[Account]:
    with served(request.param) as account:
        yield account
