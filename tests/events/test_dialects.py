"""Foreign payloads become events with disjoint quantities whose sum is what the sender said, or say why they cannot."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from meterhouse.events.dialects import litellm, otlp, otlp_spans, revenium
from meterhouse.events.dialects.foreign import Unreadable
from meterhouse.events.dialects.registry import items_of_file
from tests.events.making import read

DATA = Path(__file__).resolve().parents[1] / "data"
SPANS = [json.loads(line) for line in (DATA / "otel" / "spans.jsonl").read_text().splitlines()]
TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
)


def tokens(event: dict) -> list[int]:
    return [event.get(name) or 0 for name in TOKENS]


def otlp_document(*spans: dict) -> dict:
    """An OTLP/JSON export request of spans as they are written down in `spans.jsonl`."""
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": span["scope"], "version": span["scope_version"]},
                        "spans": [_span(span)],
                    }
                    for span in spans
                ],
            }
        ]
    }


def otlp_protobuf(*spans: dict) -> bytes:
    request = ExportTraceServiceRequest()
    for span in spans:
        scope_spans = request.resource_spans.add().scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = span["scope"], span["scope_version"]
        made = scope_spans.spans.add(
            name=span["name"], start_time_unix_nano=span["start"], end_time_unix_nano=span["end"]
        )
        made.trace_id, made.span_id = bytes.fromhex(span["trace_id"]), bytes.fromhex(span["span_id"])
        for name, value in span["attributes"].items():
            attribute = made.attributes.add(key=name)
            if isinstance(value, bool):
                attribute.value.bool_value = value
            elif isinstance(value, int):
                attribute.value.int_value = value
            elif isinstance(value, float):
                attribute.value.double_value = value
            elif isinstance(value, list):
                for one in value:
                    attribute.value.array_value.values.add(string_value=str(one))
            else:
                attribute.value.string_value = value
    return request.SerializeToString()


def _span(span: dict) -> dict:
    return {
        "traceId": span["trace_id"],
        "spanId": span["span_id"],
        "name": span["name"],
        "status": {},
        "startTimeUnixNano": str(span["start"]),
        "endTimeUnixNano": str(span["end"]),
        "attributes": [{"key": name, "value": _value(value)} for name, value in span["attributes"].items()],
    }


def _value(value: object) -> dict:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return {kinds[type(value)]: str(value) if type(value) is int else value}


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span['instrumentation']} {span['scope']}")
def test_every_instrumentation_tells_the_same_call(span):
    (event,) = otlp.events(otlp_document(span))
    if event["provider"] == "anthropic":
        assert tokens(event) == [3, 9511, 1956, 0, 44]
        assert event["event_id"] == "anthropic:msg_01"
    else:
        assert tokens(event) == [8, 4012, 0, 0, 4]
    assert "hi" not in json.dumps(event["metadata"], default=str).split('"')
    (protobuf_event,) = otlp.events(otlp_spans.document_of_protobuf(otlp_protobuf(span)))
    assert {**protobuf_event, "metadata": None} == {**event, "metadata": None}


def test_two_spans_of_one_call_are_one_event_the_one_that_says_more():
    poor = {
        **SPANS[3],
        "attributes": {k: v for k, v in SPANS[3]["attributes"].items() if k != "gen_ai.usage.raw"},
    }
    for order in ((poor, SPANS[1]), (SPANS[1], poor)):
        (event,) = otlp.events(otlp_document(*order))
        assert tokens(event) == [8, 4012, 0, 0, 4]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"gen_ai.usage.input_tokens": 3}, [3, 9511, 1956, 0, 44]),
        ({"gen_ai.usage.input_tokens": 11467}, [0, 9511, 1956, 0, 44]),
        ({"gen_ai.usage.input_tokens": 11467, "gen_ai.usage.audio.input_tokens": 1}, None),
    ],
)
def test_an_input_smaller_than_its_cached_part_was_counted_without_it(said, expected):
    span = {**SPANS[0], "attributes": SPANS[0]["attributes"] | said}
    (event,) = otlp.events(otlp_document(span))
    if expected is None:
        assert isinstance(event, Unreadable)
    else:
        assert tokens(event) == expected


def test_spans_that_are_no_calls_are_left_out():
    agent = {**SPANS[0], "attributes": SPANS[0]["attributes"] | {"gen_ai.operation.name": "invoke_agent"}}
    query = {**SPANS[0], "attributes": {"db.system": "postgresql"}}
    document = otlp_document(agent, query)
    assert (list(otlp.events(document)), otlp_spans.span_count(document)) == ([], 2)


def test_attributes_meant_for_us_say_whom_the_call_is_for():
    said = {
        "meterhouse.customer": "acme",
        "traceloop.association.properties.team": "a",
        "gen_ai.agent.name": "bot",
    }
    (event,) = otlp.events(otlp_document({**SPANS[0], "attributes": SPANS[0]["attributes"] | said}))
    assert (event["customer"], event["agent"], event["metadata"]["team"]) == ("acme", "bot", "a")


COMPLETION = {
    "transactionId": "t-1",
    "model": "gpt-4o",
    "provider": "OPENAI",
    "costType": "AI",
    "stopReason": "END",
    "inputTokenCount": 1000,
    "outputTokenCount": 50,
    "totalTokenCount": 1050,
    "isStreamed": True,
    "requestTime": "2026-11-23T09:30:00.000Z",
    "completionStartTime": "2026-11-23T09:30:00.250Z",
    "responseTime": "2026-11-23T09:30:01.000Z",
    "requestDuration": 1000,
}
REQUIRED = ("transactionId", "model", "provider", "requestTime", "inputTokenCount", "outputTokenCount")
OF_COMPLETION = {
    "timeToFirstToken": 250,
    "region": "eu",
    "environment": "production",
    "errorCode": 0,
    "retryNumber": 1,
    "organizationName": "acme",
    "productName": "chat",
    "subscriptionId": "s-1",
    "agent": "bot",
    "agentVersion": "2",
    "taskType": "triage",
    "traceId": "tr-1",
    "traceName": "run",
    "parentTransactionId": "t-0",
    "operationType": "CHAT",
    "responseQualityScore": "0.75",
    "actualServiceTier": "flex",
    "pricingTier": "BATCH",
    "subscriber": {
        "id": "u-1",
        "email": "u@example.com",
        "credential": {"name": "key", "value": "sk-secret"},
    },
    "agenticJobName": "job",
    "squadName": "squad",
    "temperature": "0.5",
    "costMultiplier": "1.5",
    "effort": "high",
    "totalCost": "0.0125",
    "systemPrompt": "be brief",
    "ticketId": "T-1",
    "promptId": "p-1",
}


def of(payload: dict, kind: str = "completion") -> dict:
    return revenium.event_of(payload, kind)


def test_every_field_of_a_completion_is_in_the_event_or_kept_under_its_name_but_no_key_value():
    event = of(COMPLETION | OF_COMPLETION)
    (reading,) = [
        read(
            "\n".join(
                item.line
                for item in items_of_file("revenium", json.dumps(COMPLETION | OF_COMPLETION).encode())
            ).encode()
        )
    ]
    assert reading.rejects.num_rows == 0
    (row,) = reading.events.to_pylist()
    assert (row["client_cost_usd"], row["quality_score"]) == (Decimal("0.0125"), Decimal("0.75"))
    assert (row["customer"], row["subscriber_email"], row["credential_name"]) == (
        "acme",
        "u@example.com",
        "key",
    )
    assert (row["is_batch"], row["service_tier"], row["outcome"], row["workflow"]) == (
        True,
        "flex",
        "ok",
        "job",
    )
    assert "sk-secret" not in json.dumps(event, default=str)
    kept = json.loads(row["metadata"])
    assert {"squadName", "temperature", "costMultiplier", "effort", "ticketId", "promptId"} <= set(kept)
    assert kept["credential_value"] == "not kept"


@pytest.mark.parametrize(
    ("provider", "said", "expected"),
    [
        ("OPENAI", {"cacheReadTokenCount": 400}, [600, 400, 0, 0, 50]),
        ("Gemini", {"cacheReadTokenCount": 400}, [600, 400, 0, 0, 50]),
        ("Anthropic", {"cacheReadTokenCount": 400}, [1000, 400, 0, 0, 50]),
        ("bedrock", {"cacheReadTokenCount": 400}, [1000, 400, 0, 0, 50]),
        ("openai", {"cacheReadTokenCount": 400, "cacheCreationTokenCount": 100}, [500, 400, 100, 0, 50]),
        (
            "anthropic",
            {"cacheCreationTokenCount": 100, "cacheCreation1hTokenCount": 30},
            [1000, 0, 70, 30, 50],
        ),
        (
            "anthropic",
            {"cacheCreation5mTokenCount": 70, "cacheCreation1hTokenCount": 30},
            [1000, 0, 70, 30, 50],
        ),
        ("openai", {"reasoningTokenCount": 20}, [1000, 0, 0, 0, 50]),
        ("google", {"reasoningTokenCount": 20, "totalTokenCount": 1070}, [1000, 0, 0, 0, 70]),
    ],
)
def test_input_is_gross_or_net_by_provider_and_the_buckets_are_disjoint(provider, said, expected):
    event = of(COMPLETION | {"provider": provider} | said)
    assert tokens(event) == expected
    if event["provider"] not in ("anthropic", "aws_bedrock"):
        assert sum(expected) == (COMPLETION | said)["totalTokenCount"]


def test_media_are_counted_in_the_unit_they_are_billed_in():
    base = {name: COMPLETION[name] for name in ("transactionId", "model", "provider", "requestTime")}
    image = of(base | {"requestedImageCount": 3, "actualImageCount": 2, "resolution": "1024x1024"}, "image")
    assert (image["operation"], image["images"], image["metadata"]["requestedImageCount"]) == ("image", 2, 3)
    audio = of(base | {"durationSeconds": "12.5", "billingUnit": "PER_MINUTE", "characterCount": 9}, "audio")
    assert (audio["audio_seconds"], audio["characters"]) == (Decimal("12.5"), None)
    video = of(base | {"durationSeconds": 8, "completionStatus": "FAILED"}, "video")
    assert (video["video_seconds"], video["outcome"]) == (8, "error")
    counts = {"inputTokenCount": 100, "inputAudioTokenCount": 80, "outputTokenCount": 5}
    inside = of(base | counts | {"totalTokenCount": 105}, "audio")
    beside = of(base | counts | {"totalTokenCount": 185}, "audio")
    assert (inside["input_tokens"], beside["input_tokens"], beside["audio_input_tokens"]) == (20, 100, 80)
    (unclear,) = revenium.events(base | counts)
    assert isinstance(unclear, Unreadable)
    assert "totalTokenCount" in unclear.reason


def test_a_tool_event_is_an_event_of_the_trace_with_its_cost():
    said = {"toolId": "search", "durationMs": 30, "timestamp": "2026-11-23T09:30:00Z", "success": False}
    event = of(
        said | {"transactionId": "t", "traceId": "tr", "costUsd": "0.01", "errorMessage": "no"}, "tool"
    )
    assert (event["operation"], event["model"], event["trace_id"]) == ("tool", "search", "tr")
    assert (event["outcome"], event["error_reason"], event["client_cost_usd"]) == (
        "error",
        "no",
        Decimal("0.01"),
    )


STANDARD = {
    "id": "chatcmpl-1",
    "litellm_call_id": "call-1",
    "trace_id": "tr",
    "call_type": "acompletion",
    "status": "success",
    "model": "anthropic/claude-haiku-4-5",
    "custom_llm_provider": "anthropic",
    "startTime": 1795424689.25,
    "endTime": 1795424690.5,
    "completionStartTime": 1795424690.0,
    "prompt_tokens": 11470,
    "completion_tokens": 44,
    "total_tokens": 11514,
    "response_cost": 0.0036191,
    "end_user": "acme",
    "messages": [{"role": "user", "content": "hi"}],
    "request_tags": ["a", "User-Agent: x"],
    "metadata": {
        "user_api_key_alias": "prod",
        "requester_metadata": {"agent": "bot", "cost_center": "42"},
        "usage_object": {
            "prompt_tokens": 11470,
            "completion_tokens": 44,
            "cache_creation_input_tokens": 1956,
            "prompt_tokens_details": {"cached_tokens": 9511, "cache_creation_tokens": 1956},
        },
    },
}


def test_litellms_standard_payload_holds_cached_tokens_in_its_prompt_tokens():
    (item,) = items_of_file("litellm", simplejson.dumps([STANDARD]).encode())
    assert "hi" not in item.line.split('"')
    (row,) = read(item.line.encode()).events.to_pylist()
    assert tokens(row) == [3, 9511, 1956, 0, 44]
    assert sum(tokens(row)) == STANDARD["total_tokens"]
    assert (row["event_id"], row["model"], row["agent"]) == ("call-1", "claude-haiku-4-5", "bot")
    assert row["started_at"].isoformat() == "2026-11-23T09:04:49.250000+00:00"
    assert row["client_cost_usd"] == Decimal("0.0036191")
    assert json.loads(row["metadata"])["cost_center"] == "42"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON, dice=st.integers(0, 10**6))
def test_whatever_a_field_holds_a_payload_is_an_event_or_says_why_not(value, dice):
    completion, span = COMPLETION | OF_COMPLETION, _span(SPANS[0])
    spoiled = {
        "revenium": completion | {sorted(completion)[dice % len(completion)]: value},
        "litellm": STANDARD | {sorted(STANDARD)[dice % len(STANDARD)]: value},
        "otlp": otlp_document(SPANS[0]) | {},
    }
    spoiled["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0] = span | {
        sorted(span)[dice % len(span)]: value
    }
    for dialect, payload in spoiled.items():
        text = simplejson.dumps(payload, use_decimal=True).encode()
        assert len(items_of_file(dialect, text)) == 1 or dialect == "otlp"


@pytest.mark.parametrize("number", ["1e999999999", "-1e999999999", "1e30", "0.5"])
def test_a_number_of_any_size_costs_no_memory(number):
    for text in (
        simplejson.dumps(STANDARD | {"startTime": "N", "prompt_tokens": "N", "metadata": {}}),
        simplejson.dumps(STANDARD | {"completion_tokens": "N", "metadata": {}}),
    ):
        (item,) = items_of_file("litellm", text.replace('"N"', number).encode())
        assert item.unfit


def test_litellms_own_cache_answers_without_a_call_and_its_zero_cost_says_nothing():
    (hit,) = litellm.events(STANDARD | {"cache_hit": True})
    assert (hit["client_cost_usd"], hit.get("input_tokens"), hit["provider_request_id"]) == (0, None, None)
    (unpriced,) = litellm.events(STANDARD | {"response_cost": 0.0})
    assert unpriced["client_cost_usd"] is None


def test_the_rows_a_real_litellm_proxy_wrote_become_events():
    rows = json.loads((DATA / "litellm" / "spend_logs.json").read_text())
    items = items_of_file("litellm", json.dumps(rows).encode())
    reading = read("\n".join(item.line for item in items).encode())
    assert (reading.events.num_rows, reading.rejects.num_rows) == (len(rows), 0)
    said = [row["total_tokens"] for row in rows]
    assert [sum(tokens(row)) for row in reading.events.to_pylist()] == said


def test_a_payload_that_cannot_be_read_costs_no_other():
    text = json.dumps([STANDARD, STANDARD | {"prompt_tokens": "many", "metadata": {}}, "no payload"]).encode()
    items = items_of_file("litellm", text + b" {broken")
    assert [item.unfit is None for item in items] == [True, False, True, True]
    reading = read("\n".join(item.line for item in items).encode())
    assert (reading.events.num_rows, reading.rejects.num_rows) == (1, 3)
