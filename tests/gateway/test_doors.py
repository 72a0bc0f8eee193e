"""The foreign doors over HTTP: their answers are the protocol's own, and what they acknowledge has landed once."""

import gzip
import json
import random

import httpx
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.events.test_dialects import COMPLETION, SPANS, STANDARD, otlp_document, otlp_protobuf
from tests.gateway.endpoint import landed_lines

ARRANGEMENTS = 4
PROTOBUF = {"content-type": "application/x-protobuf"}


def ids(endpoint) -> list[str]:
    return [line["event_id"] for line in landed_lines(endpoint.settings)]


def meter(endpoint, path: str, payload: dict, **headers) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        f"{endpoint.url}/meter{path}", json=payload, headers={"x-api-key": endpoint.key} | named, timeout=60
    )


@pytest.mark.parametrize("form", ["protobuf", "gzip protobuf", "json"])
def test_spans_come_in_as_otlp_and_are_answered_as_otlp(endpoint, form):
    span = json.loads(json.dumps(SPANS[0]).replace("msg_01", f"msg {form}"))
    other = {**span, "attributes": {"db.system": "postgresql"}}
    if form == "json":
        answer = endpoint.http.post("/v1/traces", json=otlp_document(span, other))
        said = ParseDict(answer.json(), ExportTraceServiceResponse())
    else:
        body = otlp_protobuf(span, other)
        packed = {"content-encoding": "gzip"} if "gzip" in form else {}
        content = gzip.compress(body) if packed else body
        answer = endpoint.http.post("/v1/traces", content=content, headers=PROTOBUF | packed)
        assert answer.headers["content-type"] == "application/x-protobuf"
        said = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status_code, said.partial_success.rejected_spans) == (200, 0)
    assert ids(endpoint).count(f"anthropic:msg {form}") == 1


def test_a_span_that_is_refused_is_a_partial_success(endpoint):
    span = {**SPANS[1], "attributes": SPANS[1]["attributes"] | {"gen_ai.response.id": "partial"}}
    unclear = {**span, "attributes": span["attributes"] | {"gen_ai.usage.audio.input_tokens": 10**6}}
    nameless = {**SPANS[0], "attributes": {"gen_ai.usage.input_tokens": 5}}
    answer = endpoint.http.post(
        "/v1/traces", content=otlp_protobuf(span, unclear, nameless), headers=PROTOBUF
    )
    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_spans) == (200, 2)
    assert "larger than their whole" in said.error_message
    assert "`provider` is missing" in said.error_message
    assert ids(endpoint).count("openai:partial") == 1


def test_a_body_that_is_no_otlp_is_refused_and_one_without_calls_is_fine(endpoint):
    assert endpoint.http.post("/v1/traces", content=b"\xff\xff", headers=PROTOBUF).status_code == 400
    assert endpoint.http.post("/v1/traces", json={"resourceSpans": []}).json() == {}


def test_litellms_callback_is_taken_as_a_list_and_told_what_was_refused(endpoint):
    batch = [
        STANDARD,
        STANDARD,
        STANDARD | {"litellm_call_id": "call-2", "prompt_tokens": "x", "metadata": {}},
    ]
    answer = endpoint.http.post("/v1/litellm", json=batch).json()
    assert [answer[name] for name in ("accepted", "duplicates", "rejected")] == [1, 1, 1]
    assert [item["index"] for item in answer["items"]] == [2]
    assert ids(endpoint).count("call-1") == 1


@pytest.mark.parametrize(
    ("path", "payload"),
    [
        ("/v2/ai/completions", COMPLETION),
        ("/v2/ai/images", COMPLETION | {"actualImageCount": 1, "requestedImageCount": 1}),
        ("/v2/ai/audio", COMPLETION | {"durationSeconds": 1.5}),
        ("/v2/ai/video", COMPLETION | {"durationSeconds": 4}),
        (
            "/v2/tool/events",
            {"toolId": "search", "durationMs": 5, "timestamp": "2026-11-23T09:30:00Z", "success": True},
        ),
        ("/v2/events", {"payload": {"requests": "1"}, "sourceType": "SDK_PYTHON", "sourceId": "s"}),
    ],
)
def test_reveniums_paths_answer_in_its_shape_and_the_same_again_is_the_same(endpoint, path, payload):
    payload = payload | {"transactionId": f"revenium {path}"}
    first, again = (meter(endpoint, path, payload) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert {"id", "label", "resourceType", "signature", "created"} <= set(first.json())
    assert first.json()["id"] == again.json()["id"]
    assert ids(endpoint).count(payload["transactionId"]) == 1
    assert meter(endpoint, path, payload | {"traceId": "other"}).status_code == 409


def test_nothing_is_accepted_in_silence_as_it_is_there(endpoint):
    answer = meter(
        endpoint, "/v2/ai/completions", COMPLETION | {"transactionId": "bad", "requestTime": "today"}
    )
    assert answer.status_code == 422
    assert "started_at" in answer.json()["detail"]
    assert meter(endpoint, "/v2/ai/completions", {}).status_code == 422


def test_an_idempotency_key_gets_its_first_answer_again(endpoint):
    payload = {name: value for name, value in COMPLETION.items() if name != "transactionId"}
    first = meter(endpoint, "/v2/ai/completions", payload, idempotency_key="k 1")
    again = meter(endpoint, "/v2/ai/completions", payload, idempotency_key="k 1")
    assert (first.status_code, again.json()) == (201, first.json())
    assert ids(endpoint).count(first.json()["label"]) == 1
    other = meter(endpoint, "/v2/ai/completions", payload | {"model": "x"}, idempotency_key="k 1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_mismatch")
    for malformed in ("", "x" * 256):
        refused = meter(endpoint, "/v2/ai/completions", payload, idempotency_key=malformed)
        assert refused.status_code == 400


def numbered(item: dict, number: int, place: int) -> dict:
    """A span or callback with ids of its own."""
    if "attributes" in item:
        named = {"gen_ai.response.id": f"spans-{number}-{place}"}
        return item | {"spanId": f"{number:08x}{place:08x}", "attributes": item["attributes"] | named}
    return item | {"litellm_call_id": f"calls-{number}-{place}"}


@pytest.mark.parametrize(("door", "items"), [("spans", SPANS[:2] * 2), ("calls", [STANDARD] * 4)])
def test_foreign_doors_take_every_arrangement_of_the_same_calls_as_the_same(endpoint, door, items):
    for number in range(ARRANGEMENTS):
        dice = random.Random(number)
        own = [numbered(item, number, place) for place, item in enumerate(items)]
        sent = [*own, *dice.choices(own, k=dice.randrange(1, 5))]
        dice.shuffle(sent)
        cut = dice.randint(1, len(sent) - 1)
        for part in (sent[:cut], sent[cut:]):
            path, body = ("/v1/traces", otlp_document(*part)) if door == "spans" else ("/v1/litellm", part)
            assert endpoint.http.post(path, json=body).status_code == 200
    landed = [line for line in landed_lines(endpoint.settings) if f"{door}-" in line["event_id"]]
    assert len({line["event_id"] for line in landed}) == len(landed) == len(items) * ARRANGEMENTS
