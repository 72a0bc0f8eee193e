"""The metering endpoint on loopback: events acknowledged (fsync) per second, and how long a request takes.

Run `python -m bench.gateway [SECONDS] [WORKERS]`. Several programs send batches as JSON lines, gzip, then single events
one after the other. Every acknowledged id must have landed.
"""

import gzip
import json
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.events.making import event
from tests.gateway.endpoint import LINES, GatewayProcess, client, landed_lines

BATCH_EVENTS, SENDERS = 2_000, 4
TICKS = os.sysconf("SC_CLK_TCK")


def send(url: str, key: str, name: str, size: int, seconds: float) -> list[tuple[float, int]]:
    """Send batches of a size for some seconds; seconds each took, and events acknowledged."""
    took: list[tuple[float, int]] = []
    until = time.monotonic() + seconds
    with client(url, key) as http:
        while time.monotonic() < until:
            number = len(took)
            lines = "\n".join(
                json.dumps(
                    event(
                        n,
                        event_id=f"{name}-{number}-{n}",
                        customer="acme",
                        trace_id="t" * 32,
                        usage_raw={"prompt_tokens": n},
                    )
                )
                for n in range(size)
            )
            body = gzip.compress(lines.encode(), compresslevel=1)
            began = time.perf_counter()
            answer = http.post(
                "/v1/events",
                content=body,
                headers=LINES | {"content-encoding": "gzip", "prefer": "return=minimal"},
            )
            assert answer.status_code == httpx.codes.OK, answer.text
            took.append((time.perf_counter() - began, answer.json()["accepted"]))
    return took


def cpu_seconds(pid: int) -> float:
    """CPU a process and its children used."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def measured(gateway: GatewayProcess, key: str, size: int, senders: int, seconds: float) -> dict[str, float]:
    before, began = cpu_seconds(gateway.process.pid), time.perf_counter()
    with ProcessPoolExecutor(senders) as pool:
        runs = [
            pool.submit(send, gateway.url, key, f"{size}-{number}", size, seconds)
            for number in range(senders)
        ]
        took = [one for run in runs for one in run.result()]
    wall, cpu = time.perf_counter() - began, cpu_seconds(gateway.process.pid) - before
    events = sum(count for _, count in took)
    quantiles = statistics.quantiles([one for one, _ in took], n=100)
    return {
        "batch_events": size,
        "senders": senders,
        "events_acknowledged": events,
        "events_per_second": round(events / wall),
        "events_per_gateway_cpu_second": round(events / cpu),
        "p50_ms": round(quantiles[49] * 1000),
        "p99_ms": round(quantiles[98] * 1000),
    }


def main(seconds: float = 10, workers: int = 1) -> None:
    with TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        key = keys.create(settings, "bench").key
        assert key is not None
        gateway = GatewayProcess(settings, workers)
        try:
            figures = [
                measured(gateway, key, BATCH_EVENTS, SENDERS, seconds),
                measured(gateway, key, 1, 1, seconds),
                measured(gateway, key, 1, 8, seconds),
            ]
        finally:
            gateway.stop()
        landed = len({line["event_id"] for line in landed_lines(settings)})
        assert landed == sum(one["events_acknowledged"] for one in figures)
    print(json.dumps({"workers": workers, "load": os.getloadavg()[0], "figures": figures}, indent=2))


if __name__ == "__main__":
    main(*(float(one) for one in sys.argv[1:2]), *(int(one) for one in sys.argv[2:3]))
