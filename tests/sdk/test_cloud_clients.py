"""Calls of the real `google-genai` client and of boto3's `bedrock-runtime` are metered once, and not changed."""

import asyncio
import gc
import json
import threading

import boto3
import pytest
from botocore.exceptions import ClientError
from google import genai
from google.genai.errors import ClientError as GeminiError
from meterhouse_sdk import attribute, stats, wrap

from tests.sdk.cloud_server import CONVERSE_USAGE, CloudServer

GEMINI_QUANTITIES = {
    "input_tokens": 305,
    "cache_read_tokens": 400,
    "image_input_tokens": 258,
    "audio_input_tokens": 42,
    "output_tokens": 70,
    "reasoning_tokens": 20,
}
CONVERSE_QUANTITIES = {
    "input_tokens": 200,
    "cache_read_tokens": 30,
    "cache_write_5m_tokens": 20,
    "cache_write_1h_tokens": 5,
    "output_tokens": 12,
}
NAMES = {*GEMINI_QUANTITIES, *CONVERSE_QUANTITIES}
MESSAGES = [{"role": "user", "content": [{"text": "hello"}]}]


@pytest.fixture(scope="module")
def server():
    server = CloudServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gemini(server, landing):
    return wrap(genai.Client(api_key="k", http_options={"base_url": server.url}))


@pytest.fixture
def bedrock(server, landing):
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=server.url,
        aws_access_key_id="a",
        aws_secret_access_key="s",
    )
    return wrap(client)


def quantities(event):
    return {name: value for name, value in event.items() if name in NAMES}


def test_gemini_content_is_metered_with_all_that_its_answer_says(gemini, landing):
    with attribute(customer="acme"):
        answer = gemini.models.generate_content(model="models/gemini-2.5-flash", contents="hello")
    assert answer.text == "hi"
    event = landing.event()
    assert quantities(event) == GEMINI_QUANTITIES
    assert json.loads(event["usage_raw"])["total_token_count"] == 1075
    expected = {
        "provider": "google",
        "model": "gemini-2.5-flash",
        "response_model": "gemini-2.5-flash-001",
        "provider_request_id": "resp-1",
        "operation": "chat",
        "stop_reason": "STOP",
        "outcome": "ok",
        "is_streamed": False,
        "customer": "acme",
    }
    assert {name: event[name] for name in expected} == expected


def test_gemini_streams_chats_and_asynchronous_calls_are_metered(gemini, landing):
    chunks = list(gemini.models.generate_content_stream(model="gemini-2.5-flash", contents="hello"))
    assert "".join(chunk.text for chunk in chunks) == "hi"
    gemini.chats.create(model="gemini-2.5-flash").send_message("hello")

    async def use():
        await gemini.aio.models.generate_content(model="gemini-2.5-flash", contents="hello")
        stream = await gemini.aio.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
        return [chunk async for chunk in stream]

    assert len(asyncio.run(use())) == 2
    events = landing.events()
    assert [event["is_streamed"] for event in events] == [True, False, False, True]
    assert [quantities(event) for event in events] == [GEMINI_QUANTITIES] * 4
    assert events[0]["first_token_at"] >= events[0]["started_at"]


def test_a_gemini_stream_left_early_leaves_its_usage_unknown(gemini, landing):
    stream = gemini.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
    next(stream)
    stream.close()
    gc.collect()
    event = landing.event()
    assert (event["outcome"], quantities(event)) == ("ok", {})


def test_a_gemini_answer_without_usage_is_metered_without_quantities(gemini, landing):
    gemini.models.generate_content(model="mute", contents="hello")
    assert quantities(landing.event()) == {}


def test_a_gemini_error_reaches_the_caller_and_is_metered(gemini, landing):
    with pytest.raises(GeminiError):
        gemini.models.generate_content(model="denied", contents="hello")
    event = landing.event()
    assert (event["outcome"], event["error_code"], event["model"]) == ("error", "403", "denied")


def test_bedrock_conversations_and_invocations_are_metered(bedrock, landing):
    answer = bedrock.converse(modelId="eu.anthropic.claude-sonnet-4-5-20250929-v1:0", messages=MESSAGES)
    assert answer["output"]["message"]["content"] == [{"text": "hi"}]
    invoked = bedrock.invoke_model(modelId="amazon.nova-pro-v1:0", body=b"{}")
    assert json.loads(invoked["body"].read()) == {"text": "hi"}
    bedrock.invoke_model(modelId="cohere.embed-english-v3", body=b"{}")
    conversation, invocation, embedding = landing.events()
    assert quantities(conversation) == CONVERSE_QUANTITIES
    assert json.loads(conversation["usage_raw"]) == CONVERSE_USAGE
    expected = {
        "provider": "aws_bedrock",
        "model": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "provider_request_id": "req-1",
        "region": "eu-west-1",
        "stop_reason": "end_turn",
    }
    assert {name: conversation[name] for name in expected} == expected
    assert quantities(invocation) == {"input_tokens": 70, "cache_read_tokens": 6, "output_tokens": 9}
    assert (invocation["operation"], embedding["operation"]) == ("chat", "embed")


def test_bedrock_streams_are_metered_when_they_end(bedrock, landing):
    with attribute(customer="sent under"):
        streams = [
            bedrock.converse_stream(modelId="amazon.nova-pro-v1:0", messages=MESSAGES)["stream"],
            bedrock.invoke_model_with_response_stream(modelId="amazon.nova-pro-v1:0", body=b"{}")["body"],
        ]
    assert [len(list(stream)) for stream in streams] == [4, 2]
    conversation, invocation = landing.events()
    assert quantities(conversation) == CONVERSE_QUANTITIES
    assert quantities(invocation) == {"input_tokens": 70, "cache_write_5m_tokens": 4, "output_tokens": 9}
    assert conversation["stop_reason"] == "end_turn"
    for event in (conversation, invocation):
        assert (event["is_streamed"], event["customer"], event["provider_request_id"]) == (
            True,
            "sent under",
            "req-1",
        )


def test_a_bedrock_stream_that_is_closed_or_dropped_early_is_one_call_of_unknown_usage(bedrock, landing):
    closed = bedrock.converse_stream(modelId="m", messages=MESSAGES)["stream"]
    next(iter(closed))
    closed.close()
    bedrock.converse_stream(modelId="m", messages=MESSAGES)
    gc.collect()
    events = landing.events()
    assert [quantities(event) for event in events] == [{}, {}]


def test_a_bedrock_error_reaches_the_caller_and_is_metered(bedrock, landing):
    with pytest.raises(ClientError):
        bedrock.converse(modelId="denied", messages=MESSAGES)
    event = landing.event()
    assert (event["outcome"], event["error_code"]) == ("error", "AccessDeniedException")


def test_a_bedrock_answer_without_counts_is_metered_without_quantities(bedrock, landing):
    bedrock.invoke_model(modelId="mute", body=b"{}")
    assert quantities(landing.event()) == {}


def test_another_service_of_boto3_is_left_alone(landing, caplog):
    s3 = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
    assert wrap(s3) is s3
    assert "knows no client of type S3" in caplog.text
    assert stats()["failed"] == 1
