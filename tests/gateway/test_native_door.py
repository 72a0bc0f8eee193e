"""`POST /v1/events`: what is answered is what is on disk, item by item."""

import gzip
import json
from datetime import UTC, datetime

import httpx
import pyarrow as pa
import pytest

from meterhouse.alerts.judge import judge_new_files
from meterhouse.gateway import keys
from meterhouse.settings import Settings
from tests.events.making import event, jsonl, read
from tests.gateway.endpoint import LINES, as_lines, client, landed_lines, newest_landed, served

JSON = {"content-type": "application/json"}


def post(endpoint, content, **headers) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return endpoint.http.post("/v1/events", content=content, headers=JSON | named)


def statuses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["status"] for item in answer.json()["items"]]


def test_an_acknowledged_event_is_in_a_landing_file_with_all_it_said(endpoint):
    said = event(1, event_id="whole", client_cost_usd="0.000000000001", metadata={"a": 1}, odd="kept")
    answer = endpoint.http.post("/v1/events", json=said)
    assert answer.status_code == 200
    assert answer.json()["status"] == "accepted"
    assert "odd" in answer.json()["warnings"][0]
    (row,) = newest_landed(endpoint.settings).events.to_pylist()
    assert (row["source"], row["input_tokens"], f"{row['client_cost_usd']:f}") == (
        "http",
        1001,
        "0.000000000001",
    )
    assert json.loads(row["metadata"]) == {"a": 1, "odd": "kept"}


def test_the_landed_line_has_the_content_of_the_line_that_was_sent(endpoint):
    """The reader gives both the same hash: a file and the endpoint are one door."""
    said = [
        event(
            1, event_id="h1", provider=" OpenAI ", started_at="2026-11-23T09:30:00.5+02:00", odd=[1, {"b": 2}]
        ),
        event(
            2, event_id="h2", client_cost_usd="1.10", usage_raw={"a": {"b": 1.5}}, metadata={"ü": "\u2028"}
        ),
        event(3, event_id="h3", is_streamed=True, quality_score="0.5", audio_seconds="1.25", source="sdk"),
    ]
    assert set(statuses(post(endpoint, json.dumps(said)))) == {"accepted"}
    by_id = {
        row["event_id"]: row["content_hash"] for row in newest_landed(endpoint.settings).events.to_pylist()
    }
    assert {row["event_id"]: row["content_hash"] for row in read(jsonl(*said)).events.to_pylist()} == by_id


def test_the_same_again_is_a_duplicate_and_another_body_a_conflict_that_is_kept(endpoint):
    first, other = event(1, event_id="same"), event(2, event_id="same")
    assert endpoint.http.post("/v1/events", json=first).json()["status"] == "accepted"
    assert endpoint.http.post("/v1/events", json=first).json()["status"] == "duplicate"
    conflict = endpoint.http.post("/v1/events", json=other)
    assert conflict.status_code == 409
    assert conflict.headers["content-type"] == "application/problem+json"
    assert endpoint.http.post("/v1/events", json=first).json()["status"] == "duplicate"
    lines = [line for line in landed_lines(endpoint.settings) if line["event_id"] == "same"]
    assert [line["input_tokens"] for line in lines] == ["1001", "1002"]
    assert lines[0]["received_at"] < lines[1]["received_at"]


@pytest.mark.parametrize("form", ["array", "pretty array", "lines", "gzip lines", "zstd array"])
def test_a_bad_item_is_kept_and_never_costs_its_batch(endpoint, form):
    batch = [
        event(1, event_id=f"{form}-1"),
        event(2, event_id=f"{form}-2", started_at="yesterday"),
        event(3, event_id=f"{form}-3"),
        event(3, event_id=f"{form}-3"),
        event(4, event_id=f"{form}-1"),
        {"event_id": f"{form}-4"},
    ]
    content = (
        as_lines(batch)
        if "lines" in form
        else json.dumps(batch, indent=2 if "pretty" in form else None).encode()
    )
    headers = dict(LINES if "lines" in form else JSON)
    if "gzip" in form:
        content, headers["content-encoding"] = gzip.compress(content), "gzip"
    if "zstd" in form:
        content, headers["content-encoding"] = pa.compress(content, codec="zstd", asbytes=True), "zstd"
    answer = endpoint.http.post("/v1/events", content=content, headers=headers)
    assert statuses(answer) == ["accepted", "rejected", "accepted", "duplicate", "conflict", "rejected"]
    assert [answer.json()[count] for count in ("events", "accepted", "duplicates", "rejected")] == [
        6,
        2,
        1,
        3,
    ]
    reading = newest_landed(endpoint.settings)
    assert (reading.events.num_rows, reading.rejects.num_rows) == (2, 3)
    said = {item["reason"] for item in answer.json()["items"] if item["status"] == "rejected"}
    assert said <= set(reading.rejects["reason"].to_pylist())


def test_what_is_no_event_at_all_is_refused_kept_and_read_by_nobody_as_one(endpoint):
    deep = b'{"event_id": "deep", "metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 101
    wide = json.dumps(event(1, event_id="wide", customer="x" * 30_000)).encode()
    foreign = b'{"event_id": "foreign", "customer": "\xff"}'
    answer = endpoint.http.post("/v1/events", content=b"\n".join([deep, wide, foreign, b"[1"]), headers=LINES)
    assert statuses(answer) == ["rejected"] * 4
    reasons = " ".join(item["reason"] for item in answer.json()["items"])
    assert all(word in reasons for word in ("deeper", "larger", "UTF-8", "not valid JSON"))
    newest = newest_landed(endpoint.settings)
    assert (newest.events.num_rows, newest.rejects.num_rows) == (0, 4)


def test_where_json_breaks_the_rest_is_one_reject(endpoint):
    content = json.dumps([event(1, event_id="before")])[:-1] + ', {"event_id": "cut'
    assert statuses(post(endpoint, content)) == ["accepted", "rejected"]
    assert post(endpoint, '{"event_id": "cut').status_code == 422
    assert "before" in [line["event_id"] for line in landed_lines(endpoint.settings)]


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b"x" * 400_001, {}, 413),
        (json.dumps([event(n) for n in range(501)]).encode(), {}, 413),
        (gzip.compress(b" " * 1_000_001), {"content_encoding": "gzip"}, 413),
        (pa.compress(b" " * 1_000_001, codec="zstd", asbytes=True), {"content_encoding": "zstd"}, 413),
        (gzip.compress(b"{}")[:-4], {"content_encoding": "gzip"}, 400),
        (b"no zstd", {"content_encoding": "zstd"}, 400),
        (b"{}", {"content_encoding": "br"}, 415),
    ],
)
def test_limits_are_problems_in_words(endpoint, content, headers, code):
    before = len(landed_lines(endpoint.settings))
    answer = post(endpoint, content, **headers)
    assert (answer.status_code, answer.json()["status"]) == (code, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")
    assert len(landed_lines(endpoint.settings)) == before


def test_an_envelope_of_cloudevents_is_unwrapped(endpoint):
    data = event(1, event_id=None, started_at=None, client_cost_usd=None)
    about = {"id": "ce-1", "source": "/shop", "type": "ai.usage.v1", "time": "2026-11-23T09:30:00Z"}
    envelope = {"specversion": "1.0", "subject": "acme", "data": data, **about}
    assert endpoint.http.post("/v1/events", json=envelope).json()["event_id"] == "ce-1"
    (row,) = newest_landed(endpoint.settings).events.to_pylist()
    assert (row["customer"], json.loads(row["metadata"])["cloudevents_source"]) == ("acme", "/shop")


def test_more_than_may_be_in_hand_is_refused_until_there_is_room(tmp_path):
    settings = Settings(home=tmp_path / "home", gateway_max_pending_bytes=5_000)
    key = keys.create(settings, "tests").key
    with served(settings) as url, client(url, key) as http:
        refused = http.post("/v1/events", content=as_lines([event(n) for n in range(100)]), headers=LINES)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
        assert http.post("/v1/events", json=event(1)).json()["status"] == "accepted"
        assert len(landed_lines(settings)) == 1


def test_the_alert_rules_judge_what_the_endpoint_lands(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {name: many, metric: request_count, window: 1h, when: '> 2', notify: [slack]}\n")
    settings = Settings(home=tmp_path / "home", rules_file=rules)
    now = datetime.now(UTC).isoformat()
    key = keys.create(settings, "tests").key
    with served(settings) as url, client(url, key) as http:
        for number in (1, 2, 2):
            assert http.post("/v1/events", json=event(number, started_at=now)).status_code == 200
        assert judge_new_files(settings).changes == []
        assert http.post("/v1/events", json=event(3, started_at=now)).status_code == 200
    assert [change.event for change in judge_new_files(settings).changes] == ["fired"]


def test_a_brief_answer_names_only_what_was_refused(endpoint):
    batch = as_lines([event(1, event_id="brief-1"), event(2, event_id="brief-2", model=None)])
    answer = endpoint.http.post("/v1/events", content=batch, headers=LINES | {"prefer": "return=minimal"})
    assert [(item["index"], item["event_id"]) for item in answer.json()["items"]] == [(1, "brief-2")]
