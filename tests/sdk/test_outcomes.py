"""`outcome()` goes the way of events: queue, transports, spool; and is counted with them."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

from meterhouse_sdk import attribute, configure, flush, meter, outcome, stats

from meterhouse.events.kinds import OUTCOMES
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.reader import read_landing_file
from meterhouse.settings import Settings
from tests.gateway.endpoint import wait_until
from tests.sdk.metering_server import KEY, MeteringServer

CALL = {"provider": "openai", "model": "gpt-5"}


def test_an_outcome_lands_in_a_file_of_its_own_with_exact_money(landing):
    with attribute(customer="acme", agent="sorter", task_type="triage"):
        outcome_id = outcome(
            "trace-1", "ticket_resolved", is_success=True, value_usd=Decimal("12.345678901234"), team="blue"
        )
        meter(**CALL, trace_id="trace-1")
    assert flush(10)
    zone = open_landing_zone(Settings(landing_url=str(landing.path)))
    [file] = list_files(zone, kind=OUTCOMES)
    reading = read_landing_file(zone, file, 0, datetime.now(UTC))
    [row] = reading.events.to_pylist()
    assert (row["outcome_id"], row["trace_id"], row["name"]) == (outcome_id, "trace-1", "ticket_resolved")
    assert (row["is_success"], row["value_usd"]) == (True, Decimal("12.345678901234"))
    assert (row["customer"], row["agent"], row["source"]) == ("acme", "sorter", "sdk")
    assert json.loads(row["metadata"]) == {"team": "blue"}
    assert [event["trace_id"] for event in landing.events()] == ["trace-1"]
    assert stats()["sent"] == 2


def test_what_is_not_known_is_left_out(landing):
    outcome("trace-1", "answered")
    assert flush(10)
    [file] = landing.path.glob("outcomes/date=*/hour=*/*.jsonl.gz")
    assert not {"is_success", "value_usd"} & {*json.loads(gzip.decompress(file.read_bytes()))}


def test_outcomes_and_events_wait_on_disk_while_the_endpoint_is_away_and_go_each_to_their_door(
    tmp_path, landing, monkeypatch
):
    monkeypatch.setenv("METERHOUSE_SPOOL_FOLDER", str(tmp_path / "spool"))
    with MeteringServer() as server:
        server.failures = [(503, {}, b"")] * 2
        configure(url=server.url, api_key=KEY, flush_seconds=0.01)
        for number in range(3):
            meter(**CALL, event_id=f"e{number}")
            outcome("trace", "done", outcome_id=f"o{number}")
        assert flush(10)
        port = server.port
    configure(url=f"http://127.0.0.1:{port}", api_key=KEY, flush_seconds=0.01, exit_timeout_seconds=5)
    meter(**CALL, event_id="e3")
    assert flush(10)
    with MeteringServer(port) as other:
        configure(url=other.url, api_key=KEY, flush_seconds=0.01, exit_timeout_seconds=5)
        outcome("trace", "done", outcome_id="o3")
        wait_until(lambda: len({**server.events, **other.events}) == 8)
        arrived = {**server.events, **other.events}
    assert {name for name in arrived if name.startswith("e")} == {f"e{n}" for n in range(4)}
    assert {name for name in arrived if name.startswith("o")} == {f"o{n}" for n in range(4)}
    doors = {**server.doors, **other.doors}
    assert all(doors[name] == ("/v1/events" if name[0] == "e" else "/v1/outcomes") for name in arrived)
