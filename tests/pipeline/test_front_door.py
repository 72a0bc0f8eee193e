"""The real SDK in its own process, a real gateway, the landing zone, the warehouse: nothing lost, nothing doubled."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.gateway.endpoint import GatewayProcess, wait_until

APPLICATION = """
import json, sys
from meterhouse_sdk import configure, flush, meter, outcome, stats

lost = []
url, spool = sys.argv[1:]


def start(key):
    told = lambda *about: lost.append(about)
    configure(url=url, api_key=key, spool_folder=spool, flush_seconds=0.02, batch_size=50, on_drop=told)


for line in sys.stdin:
    command, _, value = line.strip().partition(" ")
    if command == "key":
        start(value)
    elif command == "meter":
        first, last = map(int, value.split())
        for number in range(first, last):
            meter(event_id=f"e{number}", provider="openai", model="gpt-4o", input_tokens=number, trace_id="run")
    elif command == "bad":
        meter(event_id=value, provider="openai", input_tokens=-1)
    elif command == "outcome":
        outcome("run", "resolved", outcome_id=value, is_success=True, value_usd="4.20")
    elif command == "flush":
        flush(30)
    print(json.dumps({**stats(), "lost": len(lost)}), flush=True)
"""


class Application:
    """A program with the SDK: takes commands, tells its counters."""

    def __init__(self, url: str, folder: Path) -> None:
        command = [sys.executable, "-c", textwrap.dedent(APPLICATION), url, str(folder / "spool")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, command: str) -> dict[str, int]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        counts: dict[str, int] = json.loads(self.process.stdout.readline())
        return counts


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def gateway(settings: Settings) -> Iterator[GatewayProcess]:
    process = GatewayProcess(settings)
    yield process
    process.kill()


@pytest.fixture
def application(gateway: GatewayProcess, tmp_path: Path) -> Iterator[Application]:
    running = Application(gateway.url, tmp_path)
    yield running
    running.process.kill()
    running.process.wait()


def rows(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as warehouse:
        return warehouse.execute(query).fetchall()


def all_sent(application: Application, sent: int) -> Callable[[], bool]:
    def is_so() -> bool:
        counts = application.do("ask")
        return counts["sent"] + counts["rejected"] == sent and not counts["pending"] + counts["spooled"]

    return is_so


def test_a_new_key_and_a_killed_gateway_lose_nothing_and_double_nothing(
    settings: Settings, gateway: GatewayProcess, application: Application
) -> None:
    old = keys.create(settings, "shop").key
    application.do(f"key {old}")
    application.do("meter 0 300")
    application.do("flush")
    new = keys.regenerate(settings, "shop").key
    application.do("meter 300 500")
    application.do("outcome o1")
    waiting = application.do("flush")
    assert waiting["sent"] < 501, "the old key is dead, so these wait on disk"
    application.do(f"key {new}")
    for start in range(500, 1300, 100):
        application.do(f"meter {start} {start + 100}")
        if start == 700:
            gateway.kill()
        if start == 1000:
            gateway.start()
    application.do("bad refused")
    application.do("outcome o2")
    application.do("flush")
    wait_until(all_sent(application, 802))
    assert application.do("ask")["lost"] == 1, "on_drop is told of the refused one"
    for partition in partitions_with_new_files(settings):
        load_partition(settings, partition)
    ids = [row[0] for row in rows(settings, "select distinct event_id from raw_metering.events")]
    assert sorted(ids) == sorted(f"e{number}" for number in range(1300))
    assert rows(settings, "select count(distinct content_hash) from raw_metering.events") == [(1300,)]
    assert rows(settings, "select event_id, reason from raw_metering.rejected_events") != []
    assert {row[0] for row in rows(settings, "select event_id from raw_metering.rejected_events")} == {
        "refused"
    }
    outcomes = "select distinct outcome_id, value_usd::varchar from raw_metering.outcomes order by 1"
    assert rows(settings, outcomes) == [("o1", "4.200000000000"), ("o2", "4.200000000000")]
