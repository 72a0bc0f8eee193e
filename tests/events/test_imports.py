"""Event files brought in by hand land as they are, but never with prompts; and prompts go when they are told to."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.events.imports import landing_content
from meterhouse.events.kinds import PROMPTS
from meterhouse.events.landing import list_files, open_landing_zone, partition_folder, read_bytes, write_file
from meterhouse.events.load import load_partition
from meterhouse.settings import Settings, child_environment
from tests.events.making import event, jsonl

SECRET = "tell nobody"
GOOD = jsonl(event(1, received_at="2026-11-02T03:04:05.678901Z", output_text=SECRET)).replace(
    b'"input_tokens"', b'"client_cost_usd": 123456.123456789012, "input_tokens"'
)


def run(settings: Settings, *arguments: str) -> dict:
    outcome = CliRunner().invoke(app, [*arguments, "--json"], env=child_environment(settings))
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def rows(path: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(path), read_only=True) as database:
        return database.execute(sql).fetchall()


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", settle_seconds=0)


def test_a_file_without_prompts_lands_as_it_is(tmp_path):
    content = gzip.compress(jsonl(event(1), {"no": "event"}))
    assert landing_content("calls.jsonl.gz", content) == (".jsonl.gz", content)
    packed = tmp_path / "calls.parquet"
    pq.write_table(pa.Table.from_pylist([event(1)]), packed)
    assert landing_content(packed.name, packed.read_bytes()) == (".parquet", packed.read_bytes())


def test_prompts_in_imported_files_are_left_behind_and_all_else_is_kept(settings, tmp_path):
    bad = {"system_prompt": SECRET, "input_tokens": -1}
    torn = f'{{"event_id": "torn", "input_messages": "{SECRET}'.encode()
    foreign = jsonl(event(3, input_messages=SECRET)).replace(b"event-3", b"event-\xff")
    lines = GOOD + jsonl(bad) + b"\n" + foreign + jsonl(event(2)) + torn
    (tmp_path / "calls.jsonl.gz").write_bytes(gzip.compress(lines))
    cut = gzip.compress(jsonl(*(event(10 + n, output_text=SECRET) for n in range(3))) + torn)[:-9]
    (tmp_path / "cut.jsonl.gz").write_bytes(cut)
    pq.write_table(pa.Table.from_pylist([event(4) | {"output_text": SECRET}]), tmp_path / "calls.parquet")
    files = [str(tmp_path / name) for name in ("calls.jsonl.gz", "cut.jsonl.gz", "calls.parquet")]
    answer = run(settings, "events", "import", *files)
    assert (answer["accepted"], answer["rejected"]) == (6, 4)
    zone = open_landing_zone(settings)
    landed = b"".join(gzip.decompress(read_bytes(zone, file.url)) for file in list_files(zone))
    assert SECRET.encode() not in landed + settings.warehouse_path.read_bytes()
    first = "select client_cost_usd, received_at::varchar, metadata from raw_metering.events order by file_line, 1"
    assert rows(settings.warehouse_path, first)[:1] == [
        (Decimal("123456.123456789012"), "2026-11-02 03:04:05.678901+00", None)
    ]
    assert rows(settings.warehouse_path, "select file_line from raw_metering.rejected_events order by 1")[
        :3
    ] == [
        (2,),
        (4,),
        (4,),
    ]
    again = run(settings, "events", "import", *files)
    assert (again["accepted"], again["rejected"]) == (0, 0)


def test_old_prompts_are_purged_by_command_from_files_warehouse_and_published_marts(settings, tmp_path):
    kept = settings.model_copy(update={"prompts": "on"})
    zone, now = open_landing_zone(kept), datetime.now(UTC)
    hours = [f"{now - timedelta(days=days):%Y-%m-%dT%H}" for days in (9, 0)]
    for number, hour in enumerate(hours):
        prompts = {"event_id": f"event-{number}", "output_text": f"{SECRET} {number}"}
        write_file(zone, f"{partition_folder(hour, PROMPTS)}/a.jsonl", jsonl(prompts))
        load_partition(kept, hour)
    with duckdb.connect(str(kept.warehouse_path)) as warehouse:
        warehouse.execute("create schema marts; create table marts.fct_prompts as from raw_metering.prompts")
    assert run(kept, "prompts", "purge", "--older-than-days", "7", "--yes") == {
        "files": 1,
        "rows": 1,
        "published": 1,
    }
    assert rows(kept.warehouse_path, "select event_id from raw_metering.prompts") == [("event-1",)]
    assert rows(kept.published_path, "select event_id from marts.fct_prompts") == [("event-1",)]
    assert [file.partition for file in list_files(zone, kind=PROMPTS)] == hours[1:]
    assert run(kept, "prompts", "purge", "--older-than-days", "7", "--yes")["files"] == 0
    asked = CliRunner().invoke(app, ["prompts", "purge"], input="n\n", env=child_environment(kept))
    assert asked.exit_code != 0
    assert list_files(zone, kind=PROMPTS)
