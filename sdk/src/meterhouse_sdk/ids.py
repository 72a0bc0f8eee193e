"""Ids of events and files: UUID version 7, so that they sort by the time they were made."""

import os
import time
from random import Random

_random = Random()  # noqa: S311
"""Seeded by the system, and anew in a forked child; it asks the system once, not for every id."""


def uuid7() -> str:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random ones; safe across forks and threads."""
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    random = _random.getrandbits(74)
    value = milliseconds << 80 | 0x7 << 76 | random >> 62 << 64 | 0b10 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)
