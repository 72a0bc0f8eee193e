"""Events sent to a metering endpoint: they arrive, or wait on disk through any death, and none counts twice."""

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import time

import meterhouse_sdk
import pytest
from meterhouse_sdk import configure, flush, meter, stats

from tests.sdk.metering_server import KEY, MeteringServer


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def server(landing):
    with MeteringServer() as running:
        yield running


@pytest.fixture
def away(landing):
    """The address of an endpoint that nobody answers at, until a test starts one there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def program(text, url, spool):
    environment = {
        **os.environ,
        "METERHOUSE_URL": url,
        "METERHOUSE_API_KEY": KEY,
        "METERHOUSE_SPOOL_FOLDER": str(spool),
    }
    command = [sys.executable, "-c", textwrap.dedent(text)]
    return subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True)


def waiting(spool):
    return sorted(spool.rglob("[!.]*.jsonl"))


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 30 s"
        time.sleep(0.01)


def test_events_arrive_with_the_key_and_are_counted_as_sent(server, spool):
    configure(url=server.url, api_key=KEY, spool_folder=str(spool), batch_size=100)
    ids = [meter(provider="p", model="m", input_tokens=n) for n in range(250)]
    assert flush(20)
    assert list(server.events) == ids
    assert "received_at" not in server.events[ids[0]], "the endpoint says when an event arrived"
    assert (stats()["sent"], stats()["spooled"], stats()["dropped"]) == (250, 0, 0)
    assert not waiting(spool)


def test_the_environment_alone_is_enough(server, spool):
    ended = program(
        "import meterhouse_sdk; meterhouse_sdk.meter(provider='p', model='m', event_id='e1')",
        server.url,
        spool,
    )
    assert (ended.returncode, list(server.events)) == (0, ["e1"])


def test_while_the_endpoint_is_away_events_wait_on_disk_for_their_owner_only(away, spool):
    configure(url=f"http://127.0.0.1:{away}", api_key=KEY, spool_folder=str(spool))
    ids = [meter(provider="p", model="m") for _ in range(3)]
    assert flush(20)
    assert (stats()["spooled"], stats()["sent"], stats()["pending"]) == (3, 0, 0)
    (file,) = waiting(spool)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert KEY not in "".join(path.read_text() for path in spool.rglob("*") if path.is_file())
    with MeteringServer(away) as server:
        wait_for(lambda: stats()["sent"] == 3)
        assert list(server.events) == ids
    assert not waiting(spool)


def test_what_a_killed_process_left_on_disk_is_sent_by_the_next_one_under_the_same_ids(away, spool):
    killed = program(
        """
        import os, signal, meterhouse_sdk
        meterhouse_sdk.configure(batch_size=100)
        for number in range(1_000):
            meterhouse_sdk.meter(provider="p", model="m", event_id=f"e{number}")
        assert meterhouse_sdk.flush(30)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        f"http://127.0.0.1:{away}",
        spool,
    )
    assert killed.returncode == -signal.SIGKILL
    assert sum(path.read_text().count("\n") for path in waiting(spool)) == 1_000
    with MeteringServer(away) as server:
        configure(url=server.url, api_key=KEY, spool_folder=str(spool))
        meter(provider="p", model="m", event_id="new")
        wait_for(lambda: not waiting(spool) and stats()["sent"] == 1)
        assert set(server.events) == {f"e{number}" for number in range(1_000)} | {"new"}


def test_a_process_killed_while_it_sends_and_spools_loses_no_flushed_event(away, spool):
    """An endpoint that comes and goes, and a process that dies in the middle: flushed is sent or on disk."""
    text = """
        import itertools, meterhouse_sdk
        meterhouse_sdk.configure(batch_size=20, flush_seconds=0.001)
        for number in itertools.count():
            meterhouse_sdk.meter(provider="p", model="m", event_id=f"e{number}")
            if number % 50 == 49 and meterhouse_sdk.flush(30):
                print(number, flush=True)
    """
    environment = {
        **os.environ,
        "METERHOUSE_URL": f"http://127.0.0.1:{away}",
        "METERHOUSE_API_KEY": KEY,
        "METERHOUSE_SPOOL_FOLDER": str(spool),
    }
    kept, flushed = {}, -1
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(text)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(3):
            flushed = [int(process.stdout.readline()) for _ in range(5)][-1]
            with MeteringServer(away) as server:
                flushed = [int(process.stdout.readline()) for _ in range(5)][-1]
            kept |= server.events
        process.kill()
        flushed = max([flushed, *map(int, process.stdout.read().split())])
    with MeteringServer(away) as server:
        configure(url=server.url, api_key=KEY, spool_folder=str(spool))
        meter(provider="p", model="m")
        wait_for(lambda: not waiting(spool))
    assert kept.keys() | server.events.keys() >= {f"e{number}" for number in range(flushed + 1)}


def test_an_event_the_endpoint_rejects_is_counted_and_told_and_costs_no_other(server, spool):
    told = []
    configure(
        url=server.url,
        api_key=KEY,
        spool_folder=str(spool),
        on_drop=lambda event, reason: told.append((event["event_id"], reason)),
    )
    server.refused_ids["bad"] = "input_tokens is negative"
    for name in ("a", "bad", "c"):
        meter(provider="p", model="m", event_id=name)
    assert flush(20)
    assert list(server.events) == ["a", "c"]
    assert (stats()["sent"], stats()["rejected"]) == (2, 1)
    assert told == [("bad", "the metering endpoint rejected: input_tokens is negative")]


def test_a_batch_that_is_too_large_is_sent_in_parts(server, spool):
    server.max_events = 7
    configure(url=server.url, api_key=KEY, spool_folder=str(spool))
    ids = [meter(provider="p", model="m") for _ in range(40)]
    assert flush(20)
    assert sorted(server.events) == sorted(ids)
    assert server.deliveries == 40
    assert stats()["sent"] == 40


def test_a_batch_the_endpoint_will_never_take_is_put_aside_and_blocks_no_other(server, spool):
    server.failures = [(400, {}, b'{"detail": "no such door"}')]
    configure(url=server.url, api_key=KEY, spool_folder=str(spool), batch_size=1)
    meter(provider="p", model="m", event_id="poison")
    meter(provider="p", model="m", event_id="good")
    assert flush(20)
    assert list(server.events) == ["good"]
    assert (stats()["sent"], stats()["rejected"]) == (1, 1)
    (aside,) = spool.rglob("*.refused")
    assert "poison" in aside.read_text()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_address_that_is_wrong_costs_no_event_and_the_log_says_what_to_do(
    server, spool, caplog, status
):
    server.failures = [(status, {}, b"{}")] * 2
    configure(url=server.url, api_key=KEY, spool_folder=str(spool))
    meter(provider="p", model="m", event_id="e1")
    wait_for(lambda: "e1" in server.events)
    assert flush(20)
    wait_for(lambda: stats()["sent"] == 1)
    assert f"HTTP {status}: " in caplog.text
    assert "METERHOUSE_" in caplog.text or "meterhouse keys create" in caplog.text
    assert KEY not in caplog.text


def test_the_endpoint_says_when_to_come_back(server, spool):
    server.failures = [(429, {"Retry-After": "0"}, b""), (503, {"Retry-After": "3600"}, b"")]
    configure(url=server.url, api_key=KEY, spool_folder=str(spool))
    meter(provider="p", model="m")
    wait_for(lambda: not server.failures)
    meter(provider="p", model="m")
    assert flush(20)
    assert (server.deliveries, stats()["spooled"]) == (0, 2), "it asked to be left alone for an hour"


def test_a_redirect_is_not_followed_because_it_would_carry_the_key_away(server, spool):
    with MeteringServer() as elsewhere:
        server.failures = [(307, {"Location": f"{elsewhere.url}/v1/events"}, b"")]
        configure(url=server.url, api_key=KEY, spool_folder=str(spool))
        meter(provider="p", model="m")
        assert flush(20)
        assert not elsewhere.deliveries


def test_when_the_spool_is_full_events_wait_in_memory_and_none_is_lost(away, spool, caplog):
    configure(
        url=f"http://127.0.0.1:{away}", api_key=KEY, spool_folder=str(spool), max_spool_bytes=10, batch_size=1
    )
    meter(provider="p", model="m")
    assert not flush(1)
    assert (stats()["pending"], stats()["spooled"]) == (1, 0)
    assert "holds its 10 bytes already" in caplog.text
    with MeteringServer(away) as server:
        assert flush(20)
        assert len(server.events) == 1


def test_a_program_that_ends_while_the_endpoint_is_away_leaves_its_events_on_disk(away, spool):
    ended = program(
        """
        import meterhouse_sdk
        for number in range(5):
            meterhouse_sdk.meter(provider="p", model="m", event_id=f"e{number}")
        """,
        f"http://127.0.0.1:{away}",
        spool,
    )
    assert ended.returncode == 0
    assert sum(path.read_text().count("\n") for path in waiting(spool)) == 5


def test_processes_that_share_a_spool_send_each_batch_once(away, spool):
    text = """
        import sys, time, meterhouse_sdk
        meterhouse_sdk.configure(batch_size=1)
        for number in range(20):
            meterhouse_sdk.meter(provider="p", model="m")
        assert meterhouse_sdk.flush(30)
        print("flushed", flush=True)
        while meterhouse_sdk.stats()["spooled"]:
            time.sleep(0.02)
        assert meterhouse_sdk.stats()["sent"] == 20, meterhouse_sdk.stats()
        sys.stdin.read()
    """
    environment = {
        **os.environ,
        "METERHOUSE_URL": f"http://127.0.0.1:{away}",
        "METERHOUSE_API_KEY": KEY,
        "METERHOUSE_SPOOL_FOLDER": str(spool),
    }
    command = [sys.executable, "-c", textwrap.dedent(text)]
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.stdout.readline() for process in processes] == ["flushed\n"] * 3
    with MeteringServer(away) as server:
        wait_for(lambda: not waiting(spool))
        for process in processes:
            process.communicate(timeout=60)
        assert [process.returncode for process in processes] == [0] * 3
    assert (len(server.events), server.deliveries) == (60, 60)


def test_without_a_key_the_log_says_which_setting_is_missing(landing, caplog, monkeypatch):
    monkeypatch.delenv("METERHOUSE_API_KEY", raising=False)
    configure(url="http://127.0.0.1:1")
    meter(provider="p", model="m")
    assert "set METERHOUSE_API_KEY" in caplog.text
    assert stats()["dropped"] == 1


def test_the_key_stands_in_no_text_of_the_settings(landing):
    configure(url="http://127.0.0.1:1", api_key=KEY)
    assert KEY not in repr(meterhouse_sdk.process.settings())
