"""How this process meters: where events go, how fast, and the attribution every event starts from.

What belongs here: the settings and the environment variables they may come from. What does not: anything
that changes from call to call (`context.py`).
"""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from meterhouse_sdk.fields import ATTRIBUTION_FIELDS

OnDrop = Callable[[Mapping[str, Any], str], None]
"""Told of each lost event and why; runs in the thread that lost it, so it must be quick."""


@dataclass(frozen=True)
class Config:
    """The settings of `configure()`, see there."""

    landing_url: Optional[str] = None
    landing_endpoint_url: Optional[str] = None
    producer: Optional[str] = None
    flush_seconds: float = 1.0
    batch_size: int = 1_000
    max_pending: int = 50_000
    exit_timeout_seconds: float = 10.0
    is_stream_usage_asked: bool = False
    on_drop: Optional[OnDrop] = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def producer_name(self) -> str:
        """What event files are named after: producer or host, and process; safe as a file name."""
        name = self.producer or socket.gethostname()
        return f"{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')[:60] or 'sdk'}-{os.getpid()}"


def environment_settings() -> dict[str, str]:
    """`METERHOUSE_LANDING_URL` and `METERHOUSE_LANDING_ENDPOINT_URL`, where set."""
    names = ("landing_url", "landing_endpoint_url")
    return {name: value for name in names if (value := os.environ.get(f"METERHOUSE_{name.upper()}"))}


def environment_attribution() -> dict[str, str]:
    """Attribution fields set as `METERHOUSE_<FIELD>`: `METERHOUSE_ENVIRONMENT`, `METERHOUSE_PRODUCT`, ..."""
    return {
        name: value for name in ATTRIBUTION_FIELDS if (value := os.environ.get(f"METERHOUSE_{name.upper()}"))
    }
