"""Outcomes come in by a door of their own; prompts are kept apart from their events, or nowhere."""

import io
import json

import pyarrow as pa
import pytest

from meterhouse.events.kinds import KINDS, OUTCOMES, PROMPTS
from meterhouse.events.landing import list_files, open_landing_zone, read_bytes
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.events.making import event
from tests.gateway.endpoint import LINES, as_lines, client, served

SECRET = "PLANTED-prompt-4711"
OUTCOME = {"outcome_id": "o-1", "trace_id": "t-1", "name": "resolved", "at": "2026-11-23T10:00:00Z"}


def lines_of(settings, kind) -> list[str]:
    zone = open_landing_zone(settings)
    texts = (
        pa.input_stream(io.BytesIO(read_bytes(zone, file.url)), compression="zstd").read().decode()
        for file in list_files(zone, kind=kind)
    )
    return [line for text in texts for line in text.splitlines()]


def test_outcomes_are_answered_as_events_are_and_land_in_files_of_their_own(endpoint):
    first = OUTCOME | {"value_usd": "12.345678901234", "is_success": True}
    items = [
        first,
        first,
        OUTCOME | {"is_success": False},
        {"outcome_id": "o-2", "trace_id": "t-1", "name": "x"},
    ]
    answer = endpoint.http.post("/v1/outcomes", content=as_lines(items), headers=LINES).json()
    assert [item["status"] for item in answer["items"]] == ["accepted", "duplicate", "conflict", "rejected"]
    assert answer["items"][0]["outcome_id"] == "o-1"
    assert answer["items"][3]["reason"] == "`at` is missing; every outcome must have it"
    assert [answer[name] for name in ("outcomes", "accepted", "rejected")] == [4, 1, 2]
    landed = lines_of(endpoint.settings, OUTCOMES)
    assert len(landed) == 3
    assert json.loads(landed[0])["value_usd"] == "12.345678901234"
    assert endpoint.http.post("/v1/outcomes", json=OUTCOME | {"is_success": False}).status_code == 409
    assert endpoint.http.post("/v1/outcomes", json=first).json()["status"] == "duplicate"


def test_an_event_and_an_outcome_may_have_the_same_id(endpoint):
    assert endpoint.http.post("/v1/events", json=event(event_id="same")).json()["status"] == "accepted"
    answer = endpoint.http.post("/v1/outcomes", json=OUTCOME | {"outcome_id": "same"}).json()
    assert answer["status"] == "accepted"


BAD = [
    event(11, output_text=SECRET, provider=None),
    event(12, metadata={"output_text": SECRET}, started_at="today"),
    [SECRET, {"system_prompt": SECRET}],
]


@pytest.mark.parametrize("is_kept", [False, True])
def test_prompts_lie_apart_from_their_events_where_they_are_kept_and_nowhere_else(tmp_path, is_kept):
    settings = Settings(home=tmp_path / "home", prompts="on" if is_kept else "off")
    key = keys.create(settings, "tests").key
    prompts = {"system_prompt": SECRET, "input_messages": [{"content": SECRET}], "output_text": "Hi\n."}
    good = event(1, **prompts, prompts_truncated=True)
    with served(settings) as url, client(url, key) as http:
        answer = http.post("/v1/events", content=as_lines([good, *BAD, event(2)]), headers=LINES).json()
        again = http.post("/v1/events", json=good).json()
    assert [item["status"] for item in answer["items"]] == ["accepted", *["rejected"] * 3, "accepted"]
    assert again["status"] == "duplicate"
    warned = any("METERHOUSE_PROMPTS" in warning for warning in answer["warnings"])
    assert warned is not is_kept
    kept = [json.loads(line) for line in lines_of(settings, PROMPTS)]
    assert [record.pop("received_at", None) is not None for record in kept] == [True] * is_kept
    assert kept == [{"event_id": "event-1", **prompts, "prompts_truncated": True}] * is_kept
    others = [
        line for name, kind in KINDS.items() if kind is not PROMPTS for line in lines_of(settings, kind)
    ]
    assert len(others) == 5
    assert SECRET not in "".join(others)
