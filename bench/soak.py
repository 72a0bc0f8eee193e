"""A soak of the endpoint on loopback: programs meter by the SDK while it is killed, full, and wrong about the time.

Run `python -m bench.soak [MINUTES] [PRODUCERS]`. At the end every event is in the warehouse, or a reject with its
reason; none was lost, none counts twice.
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.gateway import keys
from meterhouse.settings import Settings, child_environment
from tests.gateway.endpoint import ROOT, GatewayProcess, wait_until

Produced = list[dict[str, Any]]
CLOCKS_SECONDS = (7_200, -7_200, 0, -90_000)


class WrongClockGateway(GatewayProcess):
    """The endpoint in a process whose clock can be set wrong."""

    def start(self, clock_seconds: int = CLOCKS_SECONDS[0]) -> None:
        gateway = self._command.index("--port")
        runner = [sys.executable, "-m", "tests.gateway.wrong_clock", str(clock_seconds)]
        self._command = [*runner, *self._command[gateway:]]
        super().start()


@contextmanager
def disk_full(pid: int) -> Iterator[None]:
    """The process cannot write into any file."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def landed_count(settings: Settings) -> int:
    return len(list_files(open_landing_zone(settings)))


def wait_for_files(settings: Settings, count: int) -> None:
    before = landed_count(settings)
    wait_until(lambda: landed_count(settings) >= before + count)


def soak(settings: Settings, producer_count: int, kill_count: int, seconds_between: float) -> Produced:
    """Meter through all faults; what each producer metered, and what its SDK says of it."""
    key = keys.create(settings, "soak").key
    assert key is not None
    gateway = WrongClockGateway(settings)
    environment = child_environment(settings) | {"METERHOUSE_URL": gateway.url, "METERHOUSE_API_KEY": key}
    producers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bench.producer",
                f"p{number}",
                str(settings.home_path / "spool-of-producers"),
            ],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(producer_count)
    ]
    chance = random.Random(7)
    try:
        for number in range(kill_count):
            wait_for_files(settings, 3)
            time.sleep(seconds_between * chance.random())
            gateway.kill()
            gateway.start(CLOCKS_SECONDS[(number + 1) % len(CLOCKS_SECONDS)])
            wait_for_files(settings, 3)
            with disk_full(gateway.process.pid):
                time.sleep(1 + seconds_between * chance.random())
        wait_for_files(settings, 3)
        return [json.loads(producer.communicate(b"")[0]) for producer in producers]
    finally:
        for producer in producers:
            producer.kill()
        gateway.kill()


def check(settings: Settings, produced: Produced) -> dict[str, int]:
    """Load everything, and hold it against what was metered; figures of it.

    Raises:
        AssertionError: An event is lost, doubled, or without a reason.
    """
    for partition in partitions_with_new_files(settings):
        assert load_partition(settings, partition).waiting_count == 0
    good = {name for one in produced for name in one["good"]}
    bad = {name for one in produced for name in one["bad"]}
    changed = {name for one in produced for name in one["changed"]}
    overtaken = {name for one in produced for name in one["overtaken"]}
    for one in produced:
        counts = one["stats"]
        assert counts["dropped"] == counts["spooled"] == counts["pending"] == counts["failed"] == 0, counts
        assert counts["metered"] == counts["sent"] + counts["rejected"]
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:

        def asked(query: str) -> list[tuple[Any, ...]]:
            return warehouse.execute(query).fetchall()

        bodies = dict(
            asked("select event_id, count(distinct content_hash) from raw_metering.events group by event_id")
        )
        first = asked(
            "select event_id, arg_min(input_tokens, received_at) from raw_metering.events group by event_id"
        )
        refused = asked("select distinct event_id, reason from raw_metering.rejected_events")
        line_count = asked("select count(*) from raw_metering.events")[0][0]
    assert bodies.keys() == good, "events are lost, or there are some that nobody metered"
    assert overtaken <= changed, "a good event was refused"
    assert {name for name, tokens in first if tokens >= 10**9} <= overtaken, (
        "of two bodies the later one stands, and nobody was told"
    )
    assert {name for name, count in bodies.items() if count > 1} <= changed
    assert {name for name, _ in refused} - changed == bad, "a bad event is not a reject"
    assert all(reason for _, reason in refused)
    return {
        "metered": sum(one["stats"]["metered"] for one in produced),
        "events": len(good),
        "rejected": len(bad),
        "other_bodies": len(changed),
        "lines_loaded": line_count,
        "files": landed_count(settings),
    }


def main(minutes: float = 10, producer_count: int = 4) -> None:
    with TemporaryDirectory(prefix="meterhouse-soak-") as folder:
        settings = Settings(home=Path(folder) / "home")
        began, kill_count = time.monotonic(), max(1, int(minutes * 3))
        produced = soak(settings, producer_count, kill_count, seconds_between=15)
        seconds = time.monotonic() - began
        figures = check(settings, produced)
    about = {"seconds": round(seconds), "kills": kill_count, "load": os.getloadavg()[0]}
    print(json.dumps(about | figures, indent=2))


if __name__ == "__main__":
    main(*(float(one) for one in sys.argv[1:2]), *(int(one) for one in sys.argv[2:3]))
