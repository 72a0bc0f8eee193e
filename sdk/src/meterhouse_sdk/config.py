"""How this process meters: where events go, how fast, and the attribution every event starts from.

What belongs here: the settings and the environment variables they may come from. What does not: anything
that changes from call to call (`context.py`).
"""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional, Union

from meterhouse_sdk.fields import ATTRIBUTION_FIELDS
from meterhouse_sdk.prompts import Redact

_OFF = ("", "off")

OnDrop = Callable[[Mapping[str, Any], str], None]
"""Told of each lost event and why; runs in the thread that lost it, so it must be quick."""
CaptureRule = Callable[[Mapping[str, Any]], bool]
"""Says of an event's fields whether its prompts are captured."""


@dataclass(frozen=True)
class Config:
    """The settings of `configure()`, see there."""

    url: Optional[str] = None
    api_key: Optional[str] = field(default=None, repr=False)
    landing_url: Optional[str] = None
    landing_endpoint_url: Optional[str] = None
    producer: Optional[str] = None
    flush_seconds: float = 1.0
    batch_size: int = 1_000
    max_pending: int = 50_000
    spool_folder: Optional[str] = None
    max_spool_bytes: int = 256 * 1024 * 1024
    exit_timeout_seconds: float = 10.0
    is_stream_usage_asked: bool = False
    on_drop: Optional[OnDrop] = None
    capture_prompts: Union[bool, CaptureRule] = False
    redact: tuple[Redact, ...] = ()
    max_prompt_characters: int = 20_000
    controls: str = "open"
    controls_refresh_seconds: float = 10.0
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def producer_name(self) -> str:
        """What event files are named after: producer or host, and process; safe as a file name."""
        name = self.producer or socket.gethostname()
        return f"{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')[:60] or 'sdk'}-{os.getpid()}"

    @property
    def spool_path(self) -> Optional[Path]:
        """Where batches wait on disk; None when that was turned off, or there is no home folder."""
        if self.spool_folder is not None:
            return Path(self.spool_folder).expanduser() if self.spool_folder not in _OFF else None
        state = os.environ.get("XDG_STATE_HOME")
        try:
            return (Path(state) if state else Path.home() / ".local" / "state") / "meterhouse" / "spool"
        except RuntimeError:
            return None


def environment_settings() -> dict[str, str]:
    """The settings `METERHOUSE_URL`, `METERHOUSE_API_KEY` and so on, by their names in `configure()`, where set."""
    names = ("url", "api_key", "landing_url", "landing_endpoint_url", "spool_folder", "controls")
    return {name: value for name in names if (value := os.environ.get(f"METERHOUSE_{name.upper()}"))}


def environment_attribution() -> dict[str, str]:
    """Attribution fields set as `METERHOUSE_<FIELD>`: `METERHOUSE_ENVIRONMENT`, `METERHOUSE_PRODUCT`, ..."""
    return {
        name: value for name in ATTRIBUTION_FIELDS if (value := os.environ.get(f"METERHOUSE_{name.upper()}"))
    }
