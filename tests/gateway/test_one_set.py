"""Events are a set: in whatever order, repetition, batches, files and doors they come, they load as the same.

That the warehouse then counts each id once is the matter of `tests/dbt/test_exactly_once.py`.
"""

import json
import random
from datetime import UTC, datetime

import httpx
import pytest
from uuid_utils import uuid7

from meterhouse.events.landing import open_landing_zone, partition_folder, write_file
from meterhouse.events.load import load_partition, partitions_with_new_files
from meterhouse.settings import Settings
from tests.dbt import raw
from tests.events.making import event, pack
from tests.gateway.endpoint import LINES, as_lines

ARRANGEMENTS = range(4)
FILE_FORMATS = ("jsonl", "jsonl.gz", "parquet")
OF_THE_ARRIVAL = ("event_id", "content_hash", "received_at", "file_url", "file_line", "load_id", "loaded_at")

EVENTS = [
    event(1, client_cost_usd="0.000000000001"),
    event(
        2, provider="anthropic", model="claude-haiku-4-5", cache_read_tokens=7, usage_raw={"a": {"b": [1, 2]}}
    ),
    event(3, started_at="2026-11-23T23:59:59.999999+02:00", customer="zoë", metadata={"a": 1, "b": "x"}),
    event(4, is_streamed=True, quality_score="0.25", audio_seconds="1.5"),
    event(5, operation="tool", model="search", input_tokens=None, output_tokens=None, client_cost_usd="0.01"),
    event(6, business_unit="a/b", odd_field="kept", another=[1, {"c": 2}]),
]


def arranged(number: int) -> list[tuple[str, list[dict]]]:
    """Every event at least once, shuffled, split, each part with the door it takes."""
    dice = random.Random(number)
    own = [one | {"event_id": f"{number}-{one['event_id']}", "source": "sdk"} for one in EVENTS]
    sent = [*own, *dice.choices(own, k=dice.randrange(6))]
    dice.shuffle(sent)
    parts: list[list[dict]] = []
    while sent:
        size = dice.randint(1, len(sent))
        parts.append(sent[:size])
        sent = sent[size:]
    doors = [(dice.choice(("file", "lines", "array", "single")), part) for part in parts]
    return [*doors, ("file", own[:1]), ("lines", own[:1])]


def deliver(settings: Settings, http: httpx.Client, door: str, part: list[dict]) -> None:
    if door == "file":
        form = FILE_FORMATS[len(part) % 3] if not any("odd_field" in one for one in part) else "jsonl"
        folder = partition_folder(f"{datetime.now(UTC):%Y-%m-%dT%H}")
        write_file(open_landing_zone(settings), f"{folder}/file-{uuid7()}.{form}", pack(part, form))
    elif door == "lines":
        assert http.post("/v1/events", content=as_lines(part), headers=LINES).json()["rejected"] == 0
    elif door == "array":
        assert http.post("/v1/events", content=json.dumps(part).encode()).json()["rejected"] == 0
    else:
        assert [http.post("/v1/events", json=one).status_code for one in part] == [200] * len(part)


@pytest.fixture(scope="module")
def loaded(endpoint) -> list[dict]:
    """The rows that all arrangements became after one load."""
    for number in ARRANGEMENTS:
        for door, part in arranged(number):
            deliver(endpoint.settings, endpoint.http, door, part)
    for partition in partitions_with_new_files(endpoint.settings):
        assert load_partition(endpoint.settings, partition).rejected_count == 0
    return raw.rows(endpoint.settings.warehouse_path, "select * from raw_metering.events")


def test_every_arrangement_of_the_same_events_loads_as_the_same(loaded):
    def of(number: int) -> set[str]:
        mine = [row for row in loaded if row["event_id"].startswith(f"{number}-")]
        return {repr({n: v for n, v in row.items() if n not in OF_THE_ARRIVAL}) for row in mine}

    first = of(0)
    assert len(first) == len(EVENTS)
    assert all(of(number) == first for number in ARRANGEMENTS)


def test_every_copy_of_an_event_has_the_same_body(loaded):
    """Another body under a known id would be a conflict."""
    bodies = {(row["event_id"], row["content_hash"]) for row in loaded}
    assert len(loaded) > len(bodies) == len(EVENTS) * len(ARRANGEMENTS)
