"""How long an event file takes from its landing to the message in the channel, with many rules and groups.

Run `python -m bench.alerts [FILES] [RULES] [GROUPS] [DAYS]`. DAYS of metered calls of GROUPS customers are judged
first, by RULES rules of windows from five minutes to a month; then a watch is started, as the sensor does, and files of
ten calls land at odd times, each with one call that crosses a limit of its own.
"""

import json
import os
import random
import resource
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from meterhouse.alerts.judge import judge_new_files, watch
from meterhouse.events.landing import LandingZone, open_landing_zone, write_file
from tests.alerts.world import install, slack

METRICS = ("cost_per_transaction", "total_cost", "request_count", "error_rate", "token_count")
SPANS = (
    {"window": "5m"},
    {"window": "1h"},
    {"window": "1d"},
    {"window": "7d"},
    {"window": "31d"},
    {"period": "day", "timezone": "Europe/Berlin"},
    {"period": "month"},
)
GROUPINGS = (["customer"], [], ["product", "agent"], ["customer", "model"])
EVENTS_PER_GROUP = 2


def rules(count: int) -> list[dict]:
    """Rules that none of the calls cross, and one that a dear call does."""
    quiet = [
        {
            "name": f"quiet-{number}",
            "metric": METRICS[number % len(METRICS)],
            **SPANS[number % len(SPANS)],
            "group_by": GROUPINGS[number % len(GROUPINGS)],
            "when": "> 100000000",
        }
        for number in range(count - 1)
    ]
    dear = {"name": "dear", "metric": "total_cost", "window": "1h", "group_by": ["trace_id"]}
    return [*quiet, dear | {"when": "> 99", "notify": ["slack"]}]


def call(name: str, started_at: datetime, groups: int, cost: str = "0.01") -> str:
    """One metered call of some customer."""
    customer = random.randrange(groups)
    fields = {
        "event_id": name,
        "trace_id": name if cost != "0.01" else "none",
        "provider": "own",
        "model": f"model-{customer % 7}",
        "customer": f"customer-{customer}",
        "product": f"product-{customer % 5}",
        "agent": f"agent-{customer % 50}",
        "started_at": started_at.isoformat(),
        "outcome": "ok",
        "input_tokens": 100,
        "client_cost_usd": cost,
    }
    return json.dumps(fields)


def land(zone: LandingZone, name: str, lines: list[str]) -> None:
    """One event file of this hour."""
    hour = datetime.now(UTC)
    path = f"events/date={hour:%Y-%m-%d}/hour={hour:%H}/{name}.jsonl"
    write_file(zone, path, "".join(f"{line}\n" for line in lines).encode())


def history(zone: LandingZone, groups: int, days: int) -> int:
    """Land the past as one file; the number of its calls."""
    count = groups * EVENTS_PER_GROUP
    start, apart = datetime.now(UTC) - timedelta(days=days), timedelta(days=days) / count
    land(zone, "past", [call(f"past-{number}", start + apart * number, groups) for number in range(count)])
    return count


def main(files: int = 60, rule_count: int = 100, groups: int = 10_000, days: int = 30) -> None:
    """Measure and print."""
    with TemporaryDirectory(prefix="meterhouse-bench-") as folder, slack() as receiver:
        place = install(Path(folder), receiver.url, yaml.safe_dump(rules(rule_count)))
        zone = open_landing_zone(place)
        began, count = time.monotonic(), history(zone, groups, days)
        judge_new_files(place)
        sys.stdout.write(f"{count} events of the past judged in {time.monotonic() - began:.1f} s\n")
        watching = threading.Thread(target=watch, args=(place, files * 10.0), daemon=True)
        watching.start()
        time.sleep(5)
        seconds = []
        for number in range(files):
            now = datetime.now(UTC)
            quiet = [call(f"new-{number}-{one}", now, groups) for one in range(9)]
            landed = time.monotonic()
            land(zone, f"new-{number}", [*quiet, call(f"dear-{number}", now, groups, "100")])
            while len(receiver.posts) <= number:
                assert watching.is_alive(), "the watch ended before the message came"
                time.sleep(0.002)
            seconds.append(time.monotonic() - landed)
            time.sleep(random.uniform(0.2, 1.2))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        f"landed to told, {rule_count} rules, {groups} customers, {count} events in {days} days, "
        f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}: median {statistics.median(seconds):.2f} s, "
        f"p99 {statistics.quantiles(seconds, n=100)[98]:.2f} s, worst {max(seconds):.2f} s; "
        f"peak memory {memory:.0f} MB\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
