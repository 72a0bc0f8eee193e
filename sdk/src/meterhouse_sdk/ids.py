"""Ids of events and files: UUID version 7, so that they sort by the time they were made."""

import os
import time
from uuid import UUID


def uuid7() -> str:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random ones; safe across forks."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0b11 << 62) | 0b10 << 62))
