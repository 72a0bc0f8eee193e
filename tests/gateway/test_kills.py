"""What was acknowledged is on disk and counts once, whatever is killed, full or stopped while programs send."""

import contextlib
import os
import resource
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.events.making import event
from tests.gateway.endpoint import LINES, GatewayProcess, as_lines, client, landed_lines, wait_until

BATCH = 20


class Senders:
    """Programs that send batch after batch, and send one again, unchanged, until it is acknowledged."""

    def __init__(self, url: str, key: str, name: str, count: int = 3) -> None:
        self.acknowledged: list[str] = []
        self.failures = 0
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(url, key, f"{name}-{number}")) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, url: str, key: str, name: str) -> None:
        number = 0
        with client(url, key) as http:
            while not self._is_over.is_set():
                number += 1
                batch = [event(n, event_id=f"{name}-{number}-{n}") for n in range(BATCH)]
                while not self._deliver(http, batch) and not self._is_over.wait(0.05):
                    pass

    def _deliver(self, http: httpx.Client, batch: list[dict]) -> bool:
        try:
            answer = http.post("/v1/events", content=as_lines(batch), headers=LINES)
        except httpx.HTTPError:
            answer = None
        with self._lock:
            if answer is None or answer.status_code != 200:
                self.failures += 1
                return False
            assert {item["status"] for item in answer.json()["items"]} <= {"accepted", "duplicate"}
            self.acknowledged += [one["event_id"] for one in batch]
            return True


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("killed"))


@pytest.fixture(scope="module")
def key(settings):
    return keys.create(settings, "tests").key


@pytest.fixture(scope="module")
def gateway(settings):
    process = GatewayProcess(settings)
    yield process
    if process.process.poll() is None:
        process.kill()


def landed_ids(settings: Settings) -> set[str]:
    return {line["event_id"] for line in landed_lines(settings)}


def test_a_kill_under_load_loses_nothing_that_was_acknowledged(settings, key, gateway):
    senders = Senders(gateway.url, key, "kill")
    try:
        wait_until(lambda: len(senders.acknowledged) >= 10 * BATCH)
        gateway.kill()
        acknowledged = set(senders.acknowledged)
        assert acknowledged <= landed_ids(settings)
        gateway.start()
        wait_until(lambda: len(senders.acknowledged) >= len(acknowledged) + 10 * BATCH)
    finally:
        senders.end()
    assert senders.failures
    assert len(senders.acknowledged) == len(set(senders.acknowledged))
    lines = [line for line in landed_lines(settings) if line["event_id"].startswith("kill")]
    bodies = {line["event_id"]: {**line, "received_at": None} for line in lines}
    assert set(senders.acknowledged) <= set(bodies)
    assert all({**line, "received_at": None} == bodies[line["event_id"]] for line in lines)


def test_a_full_disk_is_a_503_and_acknowledges_nothing(settings, key, gateway):
    batch = as_lines([event(n, event_id=f"full-{n}") for n in range(BATCH)])
    _, most = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
    with client(gateway.url, key) as http:
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (0, most))
        try:
            refused = http.post("/v1/events", content=batch, headers=LINES)
        finally:
            resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (most, most))
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert not [one for one in landed_ids(settings) if one.startswith("full")]
        again = http.post("/v1/events", content=batch, headers=LINES)
        assert again.json()["accepted"] == BATCH
    folder = Path(settings.home_path, "landing")
    assert not list(folder.rglob("*.tmp"))


def test_a_stop_under_load_finishes_what_is_in_hand(settings, key, gateway):
    senders = Senders(gateway.url, key, "stop")
    try:
        wait_until(lambda: len(senders.acknowledged) >= 5 * BATCH)
        assert gateway.stop() == 0
    finally:
        senders.end()
    assert set(senders.acknowledged) <= landed_ids(settings)


def test_several_workers_share_ids_and_keys_and_one_may_die(settings, key):
    gateway = GatewayProcess(settings, workers=2)
    try:
        senders = Senders(gateway.url, key, "workers", count=4)
        try:
            wait_until(lambda: len(senders.acknowledged) >= 10 * BATCH)
            os.kill(workers_of(gateway)[0], signal.SIGKILL)
            count = len(senders.acknowledged)
            wait_until(lambda: len(senders.acknowledged) >= count + 10 * BATCH)
        finally:
            senders.end()
        assert set(senders.acknowledged) <= landed_ids(settings)
        with ThreadPoolExecutor(8) as pool:
            same = list(pool.map(lambda n: send(gateway, key, event(1, event_id=f"one-{n // 8}")), range(24)))
            assert set(same) == {200}
            other = pool.map(lambda n: send(gateway, key, event(2, event_id=f"one-{n % 3}")), range(12))
            assert set(other) == {409}
            new = keys.regenerate(settings, "tests").key
            assert set(pool.map(lambda _: send(gateway, key, event()), range(8))) == {401}
            assert set(pool.map(lambda _: send(gateway, new, event()), range(8))) == {200}
        assert gateway.stop() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            gateway.kill()


def send(gateway: GatewayProcess, key: str, one: dict) -> int:
    """One event over a connection of its own, so that either worker may get it."""
    return httpx.post(
        f"{gateway.url}/v1/events", json=one, headers={"x-api-key": key}, timeout=120
    ).status_code


def workers_of(gateway: GatewayProcess) -> list[int]:
    pid = gateway.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
