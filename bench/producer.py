"""A program that meters through the SDK until its input ends, good, repeated, changed and impossible events alike.

Run `python -m bench.producer NAME SPOOL_FOLDER` with METERHOUSE_URL and METERHOUSE_API_KEY set. When nothing waits any
more it prints what it metered, and what the SDK says became of it, as JSON.
"""

import json
import sys
import threading
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

from meterhouse_sdk import configure, flush, meter, stats

PAUSE_SECONDS = 0.002
LONGEST_SECONDS = 120
STARTED_AT = "2026-11-23T09:30:00Z"


def send(event_id: str, input_tokens: int) -> None:
    meter(
        event_id=event_id, provider="openai", model="gpt-4o", started_at=STARTED_AT, input_tokens=input_tokens
    )


def main(name: str, spool_folder: str) -> None:
    overtaken: list[str] = []

    def told(event: Mapping[str, Any], _: str) -> None:
        if 0 <= event["input_tokens"] < 10**9:
            overtaken.append(event["event_id"])

    configure(spool_folder=spool_folder, flush_seconds=0.2, batch_size=200, on_drop=told)
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    good: list[str] = []
    bad: list[str] = []
    changed: list[str] = []
    for number in count():
        if is_over.wait(PAUSE_SECONDS):
            break
        if number % 50 == 49:
            bad.append(f"{name}-bad-{number}")
            send(bad[-1], -1)
            continue
        good.append(f"{name}-{number}")
        send(good[-1], number)
        if number % 30 == 29:
            send(good[-1], number)
        if number % 70 == 69:
            changed.append(good[-9])
            send(good[-9], 10**9 + number)
    deadline = time.monotonic() + LONGEST_SECONDS
    while not flush(1) or stats()["spooled"]:
        assert time.monotonic() < deadline, f"events still wait: {stats()}"
        time.sleep(0.1)
    metered = {"good": good, "bad": bad, "changed": sorted(set(changed)), "overtaken": overtaken}
    print(json.dumps(metered | {"stats": stats()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
