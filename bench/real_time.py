"""From acknowledged to published: how long an event takes into the marts while `meterhouse up` runs.

Run `python -m bench.real_time [EVENTS] [BACKGROUND_EVENTS]`. `meterhouse up` is started on an installation with
BACKGROUND_EVENTS metered calls; each event is sent to the endpoint, one after the other at odd times, and the published
file is asked for it until it is there.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import httpx
from uuid_utils import uuid7

from meterhouse.gateway import keys
from meterhouse.refresh import build
from meterhouse.settings import Settings, child_environment
from tests.events.making import event
from tests.gateway.endpoint import LINES, ROOT, as_lines, client, free_port

START_SECONDS, LONGEST_SECONDS = 300, 600
PAUSE_SECONDS = 3.7


def is_published(settings: Settings, event_id: str) -> bool:
    with duckdb.connect(str(settings.published_path), read_only=True) as marts:
        found = marts.execute("select count(*) from marts.fct_transactions where event_id = ?", [event_id])
        return bool(found.fetchone()[0])


def send(http: httpx.Client, events: list[dict]) -> None:
    answer = http.post("/v1/events", content=as_lines(events), headers=LINES)
    assert answer.json()["rejected"] == 0, answer.text


def now_event(number: int) -> dict:
    started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return event(number, event_id=str(uuid7()), started_at=started_at, trace_id=f"trace-{number % 100}")


def wait_until(is_so, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def is_up(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def measure(settings: Settings, count: int, background: int) -> list[float]:
    key = keys.create(settings, "bench").key
    assert key is not None
    port = free_port()
    command = [sys.executable, "-m", "meterhouse.cli.main", "up"]
    ports = ["--ui-port", str(free_port()), "--gateway-port", str(port)]
    log = settings.home_path / "up.log"
    environment = child_environment(settings) | {"DO_NOT_TRACK": "1"}
    with log.open("w") as output, client(f"http://127.0.0.1:{port}", key) as http:
        process = subprocess.Popen(
            [*command, *ports], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            wait_until(lambda: is_up(http), START_SECONDS)
            for start in range(0, background, 5_000):
                send(http, [now_event(number) for number in range(start, min(start + 5_000, background))])
            build(settings)
            seconds = []
            for number in range(count + 1):
                one = now_event(number)
                send(http, [one])
                acknowledged = time.monotonic()
                wait_until(lambda one=one: is_published(settings, one["event_id"]), LONGEST_SECONDS)
                seconds.append(time.monotonic() - acknowledged)
                sys.stdout.write(
                    f"{'first, as Dagster starts' if number == 0 else 'event'}: {seconds[-1]:.1f} s\n"
                )
                sys.stdout.flush()
                time.sleep(PAUSE_SECONDS)
            return seconds[1:]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def main(count: int = 5, background: int = 20_000) -> None:
    with TemporaryDirectory(prefix="meterhouse-bench-") as folder:
        seconds = measure(Settings(home=Path(folder) / "home"), count, background)
    sys.stdout.write(
        f"acknowledged to published, {background} events in the marts, {os.cpu_count()} CPUs, load "
        f"{os.getloadavg()[0]:.1f}: median {statistics.median(seconds):.1f} s, worst {max(seconds):.1f} s\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
