"""Calls of the real `openai` and `anthropic` clients are metered exactly once, and are not changed by it."""

import asyncio
import gc
import json

import anthropic
import openai
import pytest
from meterhouse_sdk import attribute, configure, stats, wrap
from meterhouse_sdk.calls import Call
from meterhouse_sdk.delivery import Sender
from pydantic import BaseModel

from tests.sdk.provider_server import CHAT_USAGE

MESSAGES = [{"role": "user", "content": "hello"}]
CHAT_QUANTITIES = {
    "input_tokens": 500,
    "cache_read_tokens": 400,
    "cache_write_5m_tokens": 100,
    "output_tokens": 50,
    "audio_input_tokens": 0,
    "audio_output_tokens": 0,
    "reasoning_tokens": 20,
}
RESPONSE_QUANTITIES = {
    "input_tokens": 200,
    "cache_read_tokens": 100,
    "cache_write_5m_tokens": 0,
    "output_tokens": 30,
    "reasoning_tokens": 10,
    "web_searches": 1,
}
MESSAGE_QUANTITIES = {
    "input_tokens": 200,
    "cache_read_tokens": 30,
    "cache_write_5m_tokens": 20,
    "cache_write_1h_tokens": 5,
    "output_tokens": 12,
    "web_searches": 2,
}
QUANTITY_NAMES = {*CHAT_QUANTITIES, *RESPONSE_QUANTITIES, *MESSAGE_QUANTITIES}


class Word(BaseModel):
    word: str


@pytest.fixture
def openai_client(provider, landing):
    with openai.OpenAI(api_key="sk-secret-key", base_url=f"{provider.url}/v1", max_retries=0) as client:
        yield wrap(client)


@pytest.fixture
def anthropic_client(provider, landing):
    with anthropic.Anthropic(api_key="sk-ant-secret-key", base_url=provider.url, max_retries=0) as client:
        yield wrap(client)


def run_openai(provider, use):
    """Run `use(client)` with a wrapped asynchronous client."""

    async def main():
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0) as client:
            return await use(wrap(client))

    return asyncio.run(main())


def run_anthropic(provider, use):
    async def main():
        async with anthropic.AsyncAnthropic(api_key="k", base_url=provider.url, max_retries=0) as client:
            return await use(wrap(client))

    return asyncio.run(main())


def quantities(event):
    return {name: value for name, value in event.items() if name in QUANTITY_NAMES}


def test_a_chat_completion_is_metered_with_all_that_its_answer_says(openai_client, landing):
    with attribute(customer="acme"):
        answer = openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES)
    assert type(answer) is openai.types.chat.ChatCompletion
    event = landing.event()
    assert quantities(event) == CHAT_QUANTITIES
    assert json.loads(event["usage_raw"]) == CHAT_USAGE
    expected = {
        "provider": "openai",
        "model": "gpt-5",
        "response_model": "gpt-5-2025-08-07",
        "provider_request_id": "chatcmpl-1",
        "operation": "chat",
        "service_tier": "standard",
        "stop_reason": "stop",
        "outcome": "ok",
        "is_streamed": False,
        "customer": "acme",
        "source": "sdk",
    }
    assert {name: event[name] for name in expected} == expected
    assert event["started_at"] <= event["ended_at"] <= event["received_at"]


def test_responses_parse_embeddings_and_messages_are_metered(openai_client, anthropic_client, landing):
    openai_client.responses.create(model="gpt-5", input="hello")
    parsed = openai_client.chat.completions.parse(model="gpt-5", messages=MESSAGES, response_format=Word)
    embeddings = openai_client.embeddings.create(model="text-embedding-3-small", input="hello")
    anthropic_client.messages.create(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES)
    anthropic_client.beta.messages.create(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES)
    assert parsed.choices[0].message.parsed == Word(word="hi")
    assert embeddings.data[0].embedding == [0.5, 0.25]
    response, parsed, embedding, message, beta_message = landing.events()
    assert (quantities(response), response["service_tier"]) == (RESPONSE_QUANTITIES, "flex")
    assert quantities(parsed) == CHAT_QUANTITIES
    assert (quantities(embedding), embedding["operation"]) == ({"input_tokens": 8}, "embed")
    assert embedding["provider_request_id"] == "req_1"
    assert quantities(message) == quantities(beta_message) == MESSAGE_QUANTITIES
    assert (message["provider"], message["service_tier"], message["region"]) == (
        "anthropic",
        "priority",
        "us",
    )


def test_asynchronous_calls_at_the_same_time_are_metered_each_under_its_own_attribution(provider, landing):
    async def use(client):
        async def call(number):
            with attribute(customer=f"c{number}"):
                await client.chat.completions.create(model=f"m{number}", messages=MESSAGES)

        await asyncio.gather(*(call(number) for number in range(20)))

    run_openai(provider, use)
    events = landing.events()
    assert sorted(event["customer"][1:] for event in events) == sorted(event["model"][1:] for event in events)
    assert len({event["customer"] for event in events}) == 20
    assert all(event["customer"][1:] == event["model"][1:] for event in events)


def test_a_chat_stream_that_was_asked_for_usage_is_metered_with_it(openai_client, landing):
    with attribute(customer="sent under"):
        stream = openai_client.chat.completions.create(
            model="gpt-5", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    assert type(stream) is openai.Stream
    with attribute(customer="read under"):
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == "hi"
    event = landing.event()
    assert quantities(event) == CHAT_QUANTITIES
    assert event["customer"] == "sent under"
    assert event["is_streamed"] is True
    assert event["started_at"] < event["first_token_at"] <= event["ended_at"]
    assert 0 < event["time_to_first_token_ms"] <= event["duration_ms"]


def test_a_chat_stream_without_usage_is_metered_as_unknown_never_as_zero(openai_client, provider, landing):
    list(openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True))
    assert "stream_options" not in provider.bodies[-1]
    event = landing.event()
    assert quantities(event) == {}
    assert "usage_raw" not in event
    assert event["outcome"] == "ok"


def test_usage_of_chat_streams_is_asked_for_where_the_setting_says_so(openai_client, provider, landing):
    configure(landing_url=str(landing.path), is_stream_usage_asked=True)
    list(openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True))
    assert provider.bodies[-1]["stream_options"] == {"include_usage": True}
    refused = {"include_usage": False}
    list(
        openai_client.chat.completions.create(
            model="gpt-5", messages=MESSAGES, stream=True, stream_options=refused
        )
    )
    assert provider.bodies[-1]["stream_options"] == refused
    assert sorted(len(quantities(event)) for event in landing.events()) == [0, len(CHAT_QUANTITIES)]


def test_response_and_message_streams_and_the_clients_stream_helpers_are_metered(
    openai_client, anthropic_client, landing
):
    list(openai_client.responses.create(model="gpt-5", input="hello", stream=True))
    with openai_client.responses.stream(model="gpt-5", input="hello") as stream:
        assert stream.get_final_response().id == "resp_1"
    list(
        anthropic_client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=MESSAGES, stream=True
        )
    )
    with anthropic_client.messages.stream(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES) as stream:
        assert list(stream.text_stream) == ["hi"]
    events = landing.events()
    assert [quantities(event) for event in events] == [RESPONSE_QUANTITIES] * 2 + [MESSAGE_QUANTITIES] * 2
    assert all("first_token_at" in event for event in events)
    assert [event["stop_reason"] for event in events] == ["completed"] * 2 + ["end_turn"] * 2


def test_asynchronous_streams_are_metered(provider, landing):
    async def use_openai(client):
        stream = await client.chat.completions.create(
            model="gpt-5", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        assert type(stream) is openai.AsyncStream
        assert len([chunk async for chunk in stream]) == 5
        async with await client.chat.completions.create(
            model="gpt-5", messages=MESSAGES, stream=True
        ) as stream:
            await stream.__anext__()

    async def use_anthropic(client):
        async with client.messages.stream(model="claude-sonnet-5", max_tokens=9, messages=MESSAGES) as stream:
            assert (await stream.get_final_message()).id == "msg_1"

    run_openai(provider, use_openai)
    run_anthropic(provider, use_anthropic)
    assert [quantities(event) for event in landing.events()] == [CHAT_QUANTITIES, {}, MESSAGE_QUANTITIES]


def close(stream):
    next(iter(stream))
    stream.close()
    stream.close()


def leave(stream):
    with stream:
        next(iter(stream))


def drop(stream):
    next(iter(stream))


def never_read(stream):
    pass


@pytest.mark.parametrize("end", [close, leave, drop, never_read])
def test_a_stream_that_is_not_read_to_its_end_is_metered_once_with_unknown_usage(
    end, openai_client, anthropic_client, landing
):
    end(openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True))
    end(
        anthropic_client.messages.create(
            model="claude-sonnet-5", max_tokens=9, messages=MESSAGES, stream=True
        )
    )
    gc.collect()
    events = landing.events()
    assert [quantities(event) for event in events] == [{}, {}]
    # What the message said at its start is kept, though not counted: its output was not over.
    [of_anthropic] = [event for event in events if event["provider"] == "anthropic"]
    assert ("usage_raw" in of_anthropic) is (end is not never_read)


def test_a_stream_helper_left_early_is_metered_at_once(openai_client, landing):
    with openai_client.chat.completions.stream(model="gpt-5", messages=MESSAGES) as stream:
        next(iter(stream))
    assert quantities(landing.event()) == {}


@pytest.mark.parametrize(
    ("model", "error_type", "code"),
    [
        ("denied", openai.AuthenticationError, "invalid_api_key"),
        ("limited", openai.RateLimitError, "rate_limit_exceeded"),
    ],
)
def test_a_failed_call_is_metered_as_an_error_and_its_exception_arrives_unchanged(
    model, error_type, code, openai_client, landing
):
    with pytest.raises(error_type) as raised:
        openai_client.chat.completions.create(model=model, messages=MESSAGES)
    assert raised.value.body["code"] == code
    assert raised.value.__cause__ is None or isinstance(raised.value.__cause__, Exception)
    event = landing.event()
    assert (event["outcome"], event["error_code"], event["model"]) == ("error", code, model)
    assert quantities(event) == {}
    assert "sk-proj" not in event["error_reason"]
    assert "[key]" in event["error_reason"]


def test_errors_of_anthropic_and_of_the_network_are_metered(anthropic_client, landing):
    with pytest.raises(anthropic.RateLimitError):
        anthropic_client.messages.create(model="limited", max_tokens=9, messages=MESSAGES)
    away = wrap(openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0))
    with pytest.raises(openai.APIConnectionError):
        away.chat.completions.create(model="gpt-5", messages=MESSAGES)
    limited, unreachable = landing.events()
    assert (limited["error_code"], unreachable["error_code"]) == ("rate_limit_exceeded", "APIConnectionError")
    assert {limited["outcome"], unreachable["outcome"]} == {"error"}


@pytest.mark.parametrize("model", ["cut", "torn"])
def test_a_stream_that_breaks_is_metered_as_an_error_and_raises_what_it_always_did(
    model, openai_client, anthropic_client, landing
):
    with pytest.raises(openai.APIError):
        list(openai_client.chat.completions.create(model=model, messages=MESSAGES, stream=True))
    with pytest.raises(Exception, match=r"too busy|peer closed|incomplete"):
        list(anthropic_client.messages.create(model=model, max_tokens=9, messages=MESSAGES, stream=True))
    events = landing.events()
    assert [event["outcome"] for event in events] == ["error", "error"]
    assert [quantities(event) for event in events] == [{}, {}]


def test_a_response_that_failed_is_metered_as_an_error_although_nothing_was_raised(openai_client, landing):
    list(openai_client.responses.create(model="torn", input="hello", stream=True))
    event = landing.event()
    assert (event["outcome"], event["error_code"]) == ("error", "server_error")
    assert quantities(event) == {}


def test_a_cancelled_call_is_metered_as_an_error(provider, landing):
    async def use(client):
        task = asyncio.create_task(client.chat.completions.create(model="gpt-5", messages=MESSAGES))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_openai(provider, use)
    assert landing.event()["error_code"] == "CancelledError"


def test_usage_that_does_not_add_up_is_left_unknown_kept_verbatim_and_counted(openai_client, landing):
    openai_client.chat.completions.create(model="odd", messages=MESSAGES)
    event = landing.event()
    assert quantities(event) == {}
    assert json.loads(event["usage_raw"])["total_tokens"] == 7
    assert stats()["undecided"] == 1


def test_wrapping_twice_and_copies_of_a_wrapped_client_count_each_call_once(openai_client, landing):
    assert wrap(openai_client) is openai_client
    copy = wrap(openai_client.with_options(timeout=30).copy())
    copy.chat.completions.create(model="copy", messages=MESSAGES)
    openai_client.chat.completions.create(model="original", messages=MESSAGES)
    assert [event["model"] for event in landing.events()] == ["copy", "original"]


def test_a_client_that_was_used_before_it_is_wrapped_is_metered_from_then_on(provider, landing):
    client = openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")
    client.chat.completions.create(model="before", messages=MESSAGES)
    wrap(client, provider="groq").chat.completions.create(model="after", messages=MESSAGES)
    event = landing.event()
    assert (event["model"], event["provider"]) == ("after", "groq")


def test_raw_responses_stay_untouched_and_are_metered(openai_client, landing):
    raw = openai_client.chat.completions.with_raw_response.create(model="gpt-5", messages=MESSAGES)
    assert raw.headers["x-request-id"] == "req_1"
    assert raw.parse().id == "chatcmpl-1"
    with openai_client.chat.completions.with_streaming_response.create(
        model="gpt-5", messages=MESSAGES
    ) as unread:
        assert json.loads(b"".join(unread.iter_bytes()))["id"] == "chatcmpl-1"
    read, streamed = landing.events()
    assert quantities(read) == CHAT_QUANTITIES
    assert quantities(streamed) == {}


@pytest.mark.parametrize("broken", [(Call, "__init__"), (Call, "succeed"), (Sender, "put")])
def test_a_fault_of_ours_never_reaches_the_caller_and_is_counted(
    broken, openai_client, landing, monkeypatch, caplog
):
    def explode(*args, **kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr(*broken, explode)
    for _ in range(3):
        assert openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES).id == "chatcmpl-1"
        stream = openai_client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True)
        assert len(list(stream)) == 4
        with pytest.raises(openai.RateLimitError):
            openai_client.chat.completions.create(model="limited", messages=MESSAGES)
    assert stats()["failed"] >= 6
    assert 1 <= sum("boom" in record.message for record in caplog.records) <= 3


def test_an_unknown_client_is_returned_as_it_is(landing, caplog):
    client = object.__new__(type("Client", (), {}))
    assert wrap(client) is client
    assert wrap(3) == 3
    assert "knows no client of type Client" in caplog.text


def test_images_and_audio_are_metered_in_what_they_are_billed_by(openai_client, landing):
    openai_client.images.generate(model="gpt-image-1", prompt="a cat")
    openai_client.images.edit(model="dall-e-2", prompt="a cat", image=b"png")
    for _ in openai_client.images.generate(model="gpt-image-1", prompt="a cat", stream=True):
        pass
    openai_client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"audio"))
    openai_client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.mp3", b"audio"))
    speech = openai_client.audio.speech.create(model="tts-1", voice="alloy", input="hello")
    assert speech.read() == b'{"audio": "hi"}'
    names = ("input_tokens", "image_input_tokens", "image_output_tokens", "audio_input_tokens", "output_tokens",
             "images", "audio_seconds")  # fmt: skip
    found = [{name: event[name] for name in names if event.get(name)} for event in landing.events()]
    image = {"input_tokens": 10, "image_input_tokens": 40, "image_output_tokens": 272}
    transcript = {"input_tokens": 10, "audio_input_tokens": 4, "output_tokens": 101}
    assert found == [image, {"images": 2}, image, {"audio_seconds": "90.0"}, transcript, {}]
    assert [event["model"] for event in landing.events()] == [
        "gpt-image-1", "dall-e-2", "gpt-image-1", "whisper-1", "gpt-4o-transcribe", "tts-1",
    ]  # fmt: skip
    assert [event["operation"] for event in landing.events()] == ["image"] * 3 + ["audio"] * 3
