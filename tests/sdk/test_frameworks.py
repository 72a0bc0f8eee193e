"""Calls seen by LiteLLM's and LangChain's callbacks, OpenTelemetry's spans, tools and batch results."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import anthropic
import openai
import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool as langchain_tool
from meterhouse_sdk import attribute, langchain_handler, meter, meter_batch_results, stats, tool, wrap
from meterhouse_sdk.litellm_calls import LiteLLMCalls
from opentelemetry.sdk.trace import TracerProvider

RECORDED = Path(__file__).resolve().parents[1] / "data" / "sdk" / "litellm_calls.json"
CALLS = json.loads(RECORDED.read_text())
MESSAGES = [{"role": "user", "content": "hello"}]
USAGE = {
    "input_tokens": 300,
    "output_tokens": 50,
    "total_tokens": 350,
    "input_token_details": {"cache_read": 100, "cache_creation": 20},
    "output_token_details": {"reasoning": 10},
}
QUANTITIES = {
    "input_tokens": 180,
    "cache_read_tokens": 100,
    "cache_write_5m_tokens": 20,
    "output_tokens": 50,
    "reasoning_tokens": 10,
}


def quantities(event):
    return {name: value for name, value in event.items() if name.endswith("_tokens") and value}


def hand_over(logger, call):
    """A recorded call, handed over as LiteLLM does: by keyword, from another thread than the call's."""
    kwargs = {name: call[name] for name in ("litellm_call_id", "standard_logging_object")}
    with attribute(customer="acme"):
        logger.log_pre_api_call(model="m", messages=[], kwargs=kwargs)
    event = {"kwargs": kwargs, "response_obj": None, "start_time": None, "end_time": None}
    if call["outcome"]["outcome"] == "ok":
        asyncio.run(logger.async_log_success_event(**event))
    else:
        logger.log_failure_event(**event)


def test_every_recorded_litellm_call_is_metered_under_the_attribution_it_was_sent_under(landing):
    logger = LiteLLMCalls()
    for call in CALLS:
        hand_over(logger, call)
    chat, stream, message, embedding, refused, asynchronous = landing.events()
    assert {event["customer"] for event in landing.events()} == {"acme"}
    for event in (chat, stream, asynchronous):
        assert quantities(event) == {
            "input_tokens": 500,
            "cache_read_tokens": 400,
            "cache_write_5m_tokens": 100,
            "output_tokens": 50,
            "reasoning_tokens": 20,
        }
    assert quantities(message) == {
        "input_tokens": 200,
        "cache_read_tokens": 30,
        "cache_write_5m_tokens": 20,
        "cache_write_1h_tokens": 5,
        "output_tokens": 12,
    }
    assert (message["provider"], message["web_searches"], message["region"]) == ("anthropic", 2, "us")
    assert (stream["is_streamed"], chat["is_streamed"]) == (True, False)
    assert stream["time_to_first_token_ms"] <= stream["duration_ms"]
    assert (embedding["operation"], embedding["input_tokens"]) == ("embed", 8)
    assert (refused["outcome"], quantities(refused)) == ("error", {})
    assert [event["event_id"] for event in landing.events()] == [call["litellm_call_id"] for call in CALLS]


def test_an_answer_from_litellms_own_cache_used_nothing_at_the_provider(landing):
    payload = {**CALLS[0]["standard_logging_object"], "cache_hit": True}
    hand_over(LiteLLMCalls(), {**CALLS[0], "standard_logging_object": payload})
    assert quantities(landing.event()) == {}


def test_a_call_seen_by_a_wrapped_client_and_by_litellm_is_metered_once(provider, landing):
    with openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1") as client:
        wrap(client).chat.completions.create(model="gpt-5", messages=MESSAGES)
    assert CALLS[0]["standard_logging_object"]["id"] == "chatcmpl-1"
    hand_over(LiteLLMCalls(), CALLS[0])
    assert len(landing.events()) == 1
    assert stats()["doubled"] == 1


def test_a_chain_of_langchain_is_one_trace_of_its_model_and_tool_calls(landing):
    @langchain_tool
    def search(query: str) -> str:
        """Search."""
        return query

    answer = AIMessage(
        "hi", usage_metadata=USAGE, response_metadata={"id": "chatcmpl-7", "model_name": "m-1"}
    )
    model = GenericFakeChatModel(messages=iter([answer, answer]), metadata={"ls_provider": "amazon_bedrock"})
    chain = RunnableLambda(lambda text: search.invoke({"query": text})) | model
    with attribute(customer="acme"):
        chain.invoke("hello", config={"callbacks": [langchain_handler()]})
    used, called = landing.events()
    assert (used["operation"], json.loads(used["metadata"])) == ("tool", {"tool": "search"})
    assert (called["operation"], called["provider"], called["response_model"]) == (
        "chat",
        "aws_bedrock",
        "m-1",
    )
    assert quantities(called) == QUANTITIES
    assert used["trace_id"] == called["trace_id"]
    assert {event["customer"] for event in (used, called)} == {"acme"}
    model.invoke("again", config={"callbacks": [langchain_handler()]})
    assert landing.events()[-1]["trace_id"] != called["trace_id"]


def test_a_failing_model_and_a_failing_tool_of_langchain_are_metered_and_their_errors_stay(landing):
    @langchain_tool
    def broken() -> str:
        """Break."""
        raise ValueError("no sk-proj-abc123def456")

    callbacks = {"callbacks": [langchain_handler()]}
    with pytest.raises(ValueError, match="no sk"):
        broken.invoke({}, config=callbacks)
    with pytest.raises(StopIteration):
        GenericFakeChatModel(messages=iter([])).invoke("x", config=callbacks)
    failed_tool, failed_model = landing.events()
    assert (failed_tool["outcome"], failed_tool["error_reason"]) == ("error", "no [key]")
    assert failed_model["outcome"] == "error"


def test_trace_and_span_follow_opentelemetry_unless_a_trace_was_named(landing):
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("work") as span:
        meter(provider="p", model="m")
        with attribute(trace_id="mine"):
            meter(provider="p", model="m")
    meter(provider="p", model="m")
    inside, named, outside = landing.events()
    ids = span.get_span_context()
    assert (inside["trace_id"], inside["span_id"]) == (f"{ids.trace_id:032x}", f"{ids.span_id:016x}")
    assert (named["trace_id"], named.get("span_id")) == ("mine", None)
    assert outside.get("trace_id") is None


def test_a_tool_is_metered_sync_and_async_and_its_result_and_error_stay(landing):
    @tool("lookup")
    def find(word):
        if word == "bad":
            raise KeyError(word)
        return word.upper()

    @tool()
    async def fetch():
        return 7

    assert find("a") == "A"
    with pytest.raises(KeyError):
        find("bad")
    assert asyncio.run(fetch()) == 7
    events = landing.events()
    assert [json.loads(event["metadata"])["tool"] for event in events] == ["lookup", "lookup", "fetch"]
    assert [event["outcome"] for event in events] == ["ok", "error", "ok"]
    assert {event["operation"] for event in events} == {"tool"}


def batch_result(custom_id, kind="succeeded"):
    message = {
        "id": f"msg_{custom_id}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }
    result = {"type": kind} | ({"message": message} if kind == "succeeded" else {})
    return anthropic.types.messages.MessageBatchIndividualResponse.model_construct(
        custom_id=custom_id, result=SimpleNamespace(**result)
    )


def test_results_of_an_anthropic_batch_count_when_it_was_made_and_once(landing):
    made = datetime(2026, 11, 20, 8, tzinfo=UTC)
    batch = SimpleNamespace(id="b", created_at=made, ended_at=None)
    results = [batch_result("a"), batch_result("b", "errored"), batch_result("c")]
    with attribute(product="evals"):
        for _ in range(2):
            assert list(meter_batch_results(batch, results)) == results
    events = landing.events()
    assert len(events) == 4
    assert {event["event_id"] for event in events} == {"anthropic-batch-msg_a", "anthropic-batch-msg_c"}
    for event in events:
        assert event["started_at"] == "2026-11-20T08:00:00.000000+00:00"
        assert (event["is_batch"], event["service_tier"], event["product"]) == (True, "batch", "evals")
        assert quantities(event) == {"input_tokens": 7, "output_tokens": 3}


def test_lines_of_an_openai_batch_are_metered_and_failed_requests_are_not(landing):
    batch = SimpleNamespace(
        id="batch_1", endpoint="/v1/embeddings", created_at=1_790_000_000, completed_at=None
    )
    body = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    lines = [
        json.dumps({"custom_id": "one", "response": {"status_code": 200, "body": body}}),
        json.dumps({"custom_id": "two", "response": {"status_code": 429, "body": {"error": {}}}}),
    ]
    assert list(meter_batch_results(batch, lines)) == lines
    event = landing.event()
    assert (event["event_id"], event["input_tokens"]) == ("openai-batch-batch_1-one", 8)


def test_a_line_that_is_no_json_reaches_its_reader_all_the_same(landing):
    batch = SimpleNamespace(id="batch_1", endpoint="/v1/embeddings", created_at=1, completed_at=None)
    assert list(meter_batch_results(batch, ["{"])) == ["{"]
    assert stats()["failed"] == 1
