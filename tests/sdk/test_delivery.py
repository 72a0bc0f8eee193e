"""Every event metered is in the landing zone, waiting, or counted as lost: nothing in between, whatever happens."""

import gzip
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from uuid import UUID

import meterhouse_sdk
import pytest
from meterhouse_sdk import configure, flush, meter, stats

from tests.sdk.conftest import read_events


def run_program(program, landing, **options):
    """Run a Python program with the SDK installed and the landing zone in its environment."""
    environment = {**os.environ, "METERHOUSE_LANDING_URL": landing.path.as_uri()}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True, **options)


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)


def test_a_file_stands_in_the_hour_of_its_arrival_and_is_named_after_producer_and_uuid7(landing):
    configure(landing_url=str(landing.path), producer="shop.api/7")
    meter(provider="p", model="m", started_at="2020-01-01T00:00:00Z")
    assert flush(10)
    (file,) = landing.path.rglob("*.gz")
    received_at = landing.event()["received_at"]
    assert file.parent == landing.path / f"events/date={received_at[:10]}/hour={received_at[11:13]}"
    assert UUID(file.name.removeprefix(f"shop-api-7-{os.getpid()}-").removesuffix(".jsonl.gz")).version == 7


def test_ten_thousand_events_are_taken_at_once_and_all_written_in_batches(landing):
    started = time.perf_counter()
    ids = [meter(provider="p", model="m", input_tokens=1) for _ in range(10_000)]
    assert time.perf_counter() - started < 20
    assert [
        event["event_id"] for event in sorted(landing.events(), key=lambda event: event["event_id"])
    ] == sorted(ids)
    assert 10 <= len(list(landing.path.rglob("*.gz"))) <= 20
    assert stats()["sent"] == stats()["metered"] == 10_000


def test_events_of_many_threads_are_all_written(landing):
    threads = [
        threading.Thread(target=lambda: [meter(provider="p", model="m") for _ in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({event["event_id"] for event in landing.events()}) == 4_000


def test_an_event_is_written_without_anyone_asking(landing):
    configure(landing_url=str(landing.path), flush_seconds=0.05)
    meter(provider="p", model="m")
    wait_for(lambda: list(landing.path.rglob("*.jsonl.gz")))


def test_flush_has_the_whole_file_there_even_if_the_process_is_killed_right_after(landing):
    killed = run_program(
        """
        import os, signal, meterhouse_sdk
        for number in range(2_500):
            meterhouse_sdk.meter(provider="p", model="m", event_id=f"e{number}")
        assert meterhouse_sdk.flush(30)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        landing,
    )
    assert killed.returncode == -signal.SIGKILL
    assert {event["event_id"] for event in read_events(landing.path)} == {
        f"e{number}" for number in range(2_500)
    }


def test_a_process_killed_while_it_writes_leaves_whole_files_only(landing):
    program = """
        import meterhouse_sdk
        meterhouse_sdk.configure(batch_size=50, flush_seconds=0.001)
        print("ready", flush=True)
        while True:
            meterhouse_sdk.meter(provider="p", model="m" * 500)
    """
    environment = {**os.environ, "METERHOUSE_LANDING_URL": str(landing.path)}
    for _ in range(3):
        command = [sys.executable, "-c", textwrap.dedent(program)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            before = len(list(landing.path.rglob("*")))
            wait_for(lambda before=before: len(list(landing.path.rglob("*"))) > before + 20)
            process.kill()
    assert len(read_events(landing.path)) > 100  # gzip and JSON readers refuse a torn file


def test_what_is_pending_when_a_program_ends_is_written(landing):
    program = "import meterhouse_sdk; meterhouse_sdk.meter(provider='p', model='m')"
    assert run_program(program, landing).returncode == 0
    assert len(read_events(landing.path)) == 1


def test_a_program_whose_landing_zone_is_away_ends_in_time_and_says_what_it_lost(landing):
    shutil.rmtree(landing.path)
    program = """
        import meterhouse_sdk
        meterhouse_sdk.configure(exit_timeout_seconds=0.5, on_drop=lambda event, why: print(event["event_id"], why))
        meterhouse_sdk.meter(provider="p", model="m", event_id="e1")
        meterhouse_sdk.meter(provider="p", model="m", event_id="e2")
    """
    started = time.monotonic()
    ended = run_program(program, landing)
    assert ended.returncode == 0
    assert time.monotonic() - started < 60
    assert ended.stdout == "".join(
        f"e{n} the landing zone could not be reached within 0.5 s\n" for n in (1, 2)
    )
    assert "does not exist, make it or mount it" in ended.stderr


def test_events_wait_while_the_landing_zone_is_away_and_are_written_when_it_is_back(landing):
    shutil.rmtree(landing.path)
    ids = [meter(provider="p", model="m") for _ in range(3)]
    assert not flush(0.3)
    assert (stats()["pending"], stats()["sent"], stats()["dropped"]) == (3, 0, 0)
    ids += [meter(provider="p", model="m")]
    landing.path.mkdir()
    assert [event["event_id"] for event in landing.events()] == ids
    assert stats()["sent"] == 4


def test_a_batch_tried_again_is_the_same_file_with_the_same_events(landing, monkeypatch):
    real_fsync, failures = os.fsync, iter([OSError(5, "input/output error")])

    def fsync_failing_once_after_the_rename(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and list(landing.path.rglob("*.jsonl.gz")):
            for failure in failures:
                raise failure
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_failing_once_after_the_rename)
    meter(provider="p", model="m")
    assert landing.event()
    assert next(failures, None) is None
    assert len(list(landing.path.rglob("*"))) == 4  # events, date, hour, one file


def test_what_does_not_fit_the_queue_is_dropped_counted_and_named_and_the_rest_is_kept(landing, caplog):
    lost = []
    configure(
        landing_url=str(landing.path / "away"),
        max_pending=100,
        exit_timeout_seconds=0.1,
        on_drop=lambda event, reason: lost.append((event["event_id"], reason)),
    )
    ids = [meter(provider="p", model="m") for _ in range(250)]
    counts = stats()
    assert (counts["metered"], counts["pending"], counts["dropped"]) == (250, 100, 150)
    assert lost == [
        (event_id, "100 events are already waiting for the landing zone") for event_id in ids[100:]
    ]
    assert sum("Metering events are lost" in record.message for record in caplog.records) == 1
    (landing.path / "away").mkdir()
    assert flush(10)
    assert [event["event_id"] for event in read_events(landing.path / "away")] == ids[:100]


def test_a_hook_that_fails_does_not_reach_the_caller(landing):
    def explode(event, reason):
        raise RuntimeError("boom")

    configure(on_drop=explode)
    assert meter(provider="p", model="m")
    assert (stats()["dropped"], stats()["failed"]) == (1, 1)


@pytest.mark.parametrize("url", [None, "ftp://somewhere/else"])
def test_without_a_usable_landing_zone_events_are_dropped_and_the_log_says_what_to_do(url, landing, caplog):
    configure(landing_url=url)
    meter(provider="p", model="m")
    assert flush(1)
    assert (stats()["metered"], stats()["dropped"]) == (1, 1)
    assert "set METERHOUSE_URL and METERHOUSE_API_KEY, or call configure()" in caplog.text


def test_configuring_anew_first_writes_what_was_metered_before(landing, tmp_path):
    meter(provider="before", model="m")
    other = tmp_path / "other"
    other.mkdir()
    configure(landing_url=str(other))
    meter(provider="after", model="m")
    assert flush(10)
    assert [event["provider"] for event in read_events(landing.path)] == ["before"]
    assert [event["provider"] for event in read_events(other)] == ["after"]


def test_a_forked_child_writes_its_own_events_and_never_those_of_its_parent(landing):
    configure(landing_url=str(landing.path), flush_seconds=60)
    with meterhouse_sdk.attribute(customer="acme"):
        meter(provider="parent", model="m")
        child = os.fork()
        if child == 0:
            meter(provider="child", model="m")
            os._exit(0 if flush(10) and stats()["metered"] == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [event["provider"] for event in read_events(landing.path)] == ["child"]
    meter(provider="parent", model="m", customer="acme")
    events = landing.events()
    assert sorted(event["provider"] for event in events) == ["child", "parent", "parent"]
    assert {event["customer"] for event in events} == {"acme"}
    assert len({event["event_id"][-12:] for event in events}) == 3
    producers = {file.name.rsplit("-", 6)[1] for file in landing.path.rglob("*.jsonl.gz")}
    assert producers == {str(os.getpid()), str(child)}


def _meter_in_child():
    meter(provider="child", model="m")


def test_a_multiprocessing_child_writes_what_is_pending_when_it_ends(landing):
    configure(landing_url=str(landing.path), flush_seconds=60)
    meter(provider="parent", model="m")
    child = multiprocessing.get_context("fork").Process(target=_meter_in_child)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert [event["provider"] for event in read_events(landing.path)] == ["child"]


def test_the_file_of_a_batch_is_gzip_of_one_json_object_per_line_in_ascii(landing):
    meter(provider="p", model="m\nü", customer='"')
    assert flush(10)
    (file,) = landing.path.rglob("*.gz")
    lines = gzip.decompress(file.read_bytes())
    assert lines.isascii()
    assert lines.count(b"\n") == 1


def test_events_metered_by_the_garbage_collector_in_the_middle_of_our_own_work_block_nothing(landing):
    program = """
        import gc, threading, meterhouse_sdk

        class Abandoned:
            def __init__(self):
                self.cycle = self
            def __del__(self):
                meterhouse_sdk.meter(provider="collected", model="m")

        bootstrap = threading.Thread._bootstrap_inner

        def collect_while_starting(thread):
            Abandoned()
            gc.collect()
            bootstrap(thread)

        threading.Thread._bootstrap_inner = collect_while_starting
        gc.set_threshold(3, 2, 2)
        for _ in range(100):
            gc.disable()
            meterhouse_sdk.meter(provider="called", model="m")
            gc.enable()
            for _ in range(5):
                Abandoned()
            meterhouse_sdk.configure()
        gc.collect()
        assert meterhouse_sdk.flush(30)
    """
    ended = run_program(program, landing)
    assert ended.returncode == 0, ended.stderr
    providers = [event["provider"] for event in read_events(landing.path)]
    assert (providers.count("called"), providers.count("collected")) == (100, 600)


def test_when_no_thread_can_be_had_the_next_event_tries_again(landing, monkeypatch):
    start = threading.Thread.start
    tries = []

    def refused_once(thread):
        tries.append(thread)
        if len(tries) == 1:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused_once)
    ids = [meter(provider="p", model="m") for _ in range(2)]
    assert [event["event_id"] for event in landing.events()] == ids
