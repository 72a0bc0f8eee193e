"""Loading the landing zone into a real warehouse: exactly what arrived, whatever was repeated or killed."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import boto3
import duckdb
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import select

from meterhouse.control.database import reading, session
from meterhouse.control.tables import LandingFileRow
from meterhouse.events.landing import LandingZone, LandingZoneError, list_files, open_landing_zone, write_file
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.settings import PROJECT_ROOT, Settings, child_environment
from tests.events.making import FOLDER, FORMATS, HOUR, event, jsonl, pack

LATEST_LOADS = """
    SELECT * FROM raw_metering.events
    QUALIFY row_number() OVER (PARTITION BY file_url, file_line ORDER BY loaded_at DESC) = 1"""


@pytest.fixture
def installation(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home")


def query(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def ledger(settings: Settings) -> dict[str, LandingFileRow]:
    with reading(settings) as transaction:
        return {Path(row.url).name: row for row in transaction.scalars(select(LandingFileRow))}


def age(zone: LandingZone, name: str, seconds: float) -> None:
    then = (datetime.now(UTC) - timedelta(seconds=seconds)).timestamp()
    os.utime(Path(zone.root, FOLDER, name), (then, then))


def test_every_format_lands_once_with_exact_types_and_prices(installation):
    zone = open_landing_zone(installation)
    for number, form in enumerate(FORMATS):
        write_file(zone, f"{FOLDER}/{number}.{form}", pack([event(10 * number + n) for n in range(3)], form))
    assert list(partitions_with_new_files(installation)) == [HOUR]
    result = load_partition(installation, HOUR)
    assert (result.file_count, result.event_count, result.rejected_count) == (4, 12, 0)
    types = dict(row[:2] for row in query(installation, "DESCRIBE raw_metering.events"))
    money = {name: kind for name, kind in types.items() if name.endswith("_usd")}
    assert len(money) == 18
    assert set(money.values()) == {"DECIMAL(38,12)"}
    assert {kind for name, kind in types.items() if name.endswith("_at")} == {"TIMESTAMP WITH TIME ZONE"}
    assert not {"DOUBLE", "FLOAT", "JSON"} & set(types.values())
    ((count, cost),) = query(installation, "SELECT count(*), sum(cost_usd) FROM raw_metering.events")
    tokens = sum(1000 + 10 * number + n for number in range(4) for n in range(3))
    assert (count, cost) == (12, tokens * Decimal("0.0000025") + 12 * Decimal("0.0001"))


def test_loading_again_changes_nothing(installation):
    write_file(open_landing_zone(installation), f"{FOLDER}/a.jsonl", jsonl(event(1)) + b"{bad\n")
    load_partition(installation, HOUR)
    before = (
        query(installation, "SELECT * FROM raw_metering.events"),
        ledger(installation)["a.jsonl"].loaded_at,
    )
    assert partitions_with_new_files(installation) == {}
    assert load_partition(installation, HOUR).file_count == 0
    assert query(installation, "SELECT * FROM raw_metering.events") == before[0]
    assert query(installation, "SELECT file_line, raw_text FROM raw_metering.rejected_events") == [
        (2, "{bad")
    ]


def test_the_same_content_by_another_name_is_a_duplicate_delivery(installation):
    zone = open_landing_zone(installation)
    for name in ("a.jsonl", "b.jsonl"):
        write_file(zone, f"{FOLDER}/{name}", jsonl(event(1)))
    assert load_partition(installation, HOUR).duplicate_file_count == 1
    write_file(zone, "events/date=2026-11-23/hour=11/c.jsonl", jsonl(event(1)))
    assert load_partition(installation, "2026-11-23T11").duplicate_file_count == 1
    assert query(installation, "SELECT count(*) FROM raw_metering.events") == [(1,)]
    files = ledger(installation)
    assert [files[name].status for name in ("a.jsonl", "b.jsonl", "c.jsonl")] == [
        "loaded",
        "duplicate",
        "duplicate",
    ]
    assert files["c.jsonl"].note == f"same content as {FOLDER}/a.jsonl"


def test_a_broken_file_waits_is_not_asked_for_and_lands_once_settled(installation):
    zone = open_landing_zone(installation)
    packed = pack([event(n) for n in range(100)], "jsonl.gz")
    write_file(zone, f"{FOLDER}/a.jsonl.gz", packed[:-8])
    assert load_partition(installation, HOUR).waiting_count == 1
    assert ledger(installation)["a.jsonl.gz"].status == "waiting"
    assert partitions_with_new_files(installation) == {}
    age(zone, "a.jsonl.gz", 121)
    assert list(partitions_with_new_files(installation)) == [HOUR]
    result = load_partition(installation, HOUR)
    assert (result.event_count, result.rejected_count) == (100, 1)
    row = ledger(installation)["a.jsonl.gz"]
    assert (row.status, row.line_count) == ("loaded", 101)


def test_a_file_that_was_still_arriving_lands_whole_when_it_is_complete(installation):
    zone = open_landing_zone(installation)
    packed = pack([event(n) for n in range(100)], "jsonl.gz")
    write_file(zone, f"{FOLDER}/a.jsonl.gz", packed[:300])
    load_partition(installation, HOUR)
    first_seen_at = ledger(installation)["a.jsonl.gz"].first_seen_at
    write_file(zone, f"{FOLDER}/a.jsonl.gz", packed)
    result = load_partition(installation, HOUR)
    assert (result.event_count, result.rejected_count) == (100, 0)
    assert ledger(installation)["a.jsonl.gz"].first_seen_at == first_seen_at


def test_load_times_never_go_back_even_when_the_clock_does(installation):
    zone = open_landing_zone(installation)
    write_file(zone, f"{FOLDER}/a.jsonl", jsonl(event(1)))
    load_partition(installation, HOUR)
    future = datetime.now(UTC) + timedelta(hours=1)
    with session(installation) as transaction:
        transaction.scalars(select(LandingFileRow)).one().loaded_at = future
    write_file(zone, f"{FOLDER}/b.jsonl", jsonl(event(2)))
    load_partition(installation, HOUR)
    assert query(installation, "SELECT max(loaded_at) > current_timestamp FROM raw_metering.events") == [
        (True,)
    ]


def die_while_loading(settings: Settings, step: str, when: str) -> None:
    """Load in a process that kills itself before or after `step`."""
    command = [sys.executable, "-m", "tests.events.dying", step, when, HOUR]
    ended = subprocess.run(command, cwd=PROJECT_ROOT, env=child_environment(settings), capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ("meterhouse.events.load:spool_file", "after"),
        ("dlt:Pipeline.extract", "after"),
        ("dlt:Pipeline.normalize", "after"),
        ("dlt:Pipeline.load", "before"),
        ("dlt:Pipeline.load", "after"),
        ("meterhouse.events.ledger:record", "after"),
    ],
)
def test_killed_anywhere_and_run_again_every_event_counts_once(installation, step, when):
    zone = open_landing_zone(installation)
    for number in range(3):
        content = jsonl(*(event(10 * number + n) for n in range(5))) + b"{bad\n"
        write_file(zone, f"{FOLDER}/{number}.jsonl", content)
    die_while_loading(installation, step, when)
    load_partition(installation, HOUR)
    events = query(installation, f"SELECT event_id FROM ({LATEST_LOADS}) ORDER BY 1")
    assert [event_id for (event_id,) in events] == sorted(
        f"event-{10 * f + n}" for f in range(3) for n in range(5)
    )
    rejects = query(installation, "SELECT DISTINCT file_url, file_line FROM raw_metering.rejected_events")
    assert len(rejects) == 3
    assert {row.status for row in ledger(installation).values()} == {"loaded"}
    assert partitions_with_new_files(installation) == {}


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="metering")
    yield endpoint
    server.stop()


def test_a_landing_zone_on_s3_is_read_end_to_end(tmp_path, bucket):
    settings = Settings(home=tmp_path, landing_url="s3://metering/prod", landing_endpoint_url=bucket)
    zone = open_landing_zone(settings)
    write_file(zone, f"{FOLDER}/a.jsonl.gz", pack([event(n) for n in range(50)], "jsonl.gz"))
    boto3.client("s3", endpoint_url=bucket, region_name="us-east-1").put_object(
        Bucket="metering", Key=f"prod/{FOLDER}/b.jsonl", Body=jsonl(event(99)) + b"nope\n"
    )
    assert [file.url for file in list_files(zone)] == [f"{FOLDER}/a.jsonl.gz", f"{FOLDER}/b.jsonl"]
    result = load_partition(settings, HOUR)
    assert (result.file_count, result.event_count, result.rejected_count) == (2, 51, 1)
    assert load_partition(settings, HOUR).file_count == 0
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_bucket_that_does_not_exist_is_named_without_the_key(tmp_path, bucket):
    settings = Settings(home=tmp_path, landing_url="s3://nowhere/prod", landing_endpoint_url=bucket)
    with pytest.raises(LandingZoneError, match="s3://nowhere/prod") as caught:
        open_landing_zone(settings)
    assert "canary" not in str(caught.value)


def test_a_file_that_cannot_be_read_waits_and_holds_up_no_other(installation, tmp_path):
    zone = open_landing_zone(installation)
    write_file(zone, f"{FOLDER}/a.jsonl", jsonl(event(1)))
    (tmp_path / "elsewhere.jsonl").write_bytes(jsonl(event(2)))
    link = Path(zone.root, FOLDER, "b.jsonl")
    link.symlink_to(tmp_path / "elsewhere.jsonl")
    age(zone, "b.jsonl", 121)
    result = load_partition(installation, HOUR)
    assert (result.file_count, result.event_count, result.waiting_count) == (1, 1, 1)
    assert "leads out of the landing zone" in ledger(installation)["b.jsonl"].note
    assert list(partitions_with_new_files(installation)) == [HOUR], "it is tried again"
    link.unlink()
    write_file(zone, f"{FOLDER}/b.jsonl", jsonl(event(2)))
    age(zone, "b.jsonl", 121)
    assert load_partition(installation, HOUR).event_count == 1
    assert partitions_with_new_files(installation) == {}
