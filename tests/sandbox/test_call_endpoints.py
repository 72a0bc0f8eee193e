"""The call endpoints, through the providers' own clients."""

import anthropic as anthropic_sdk
import openai as openai_sdk
import pytest

QUESTION = [{"role": "user", "content": "Why is the sky blue? " * 60}]
TEXT = "This is the sandbox speaking."


@pytest.fixture
def openai_client(sandbox):
    with openai_sdk.OpenAI(api_key=sandbox.openai_keys.project, base_url=sandbox.openai_url) as client:
        yield client


@pytest.fixture
def anthropic_client(sandbox):
    with anthropic_sdk.Anthropic(
        api_key=sandbox.anthropic_keys.application, base_url=sandbox.anthropic_url
    ) as client:
        yield client


def test_chat_answers_the_same_streamed_or_not(openai_client):
    whole = openai_client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
    chunks = list(
        openai_client.chat.completions.create(
            model="gpt-5-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
    )
    assert whole.choices[0].message.content == TEXT
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert [chunk.usage for chunk in chunks if chunk.usage] == [whole.usage]
    assert 0 < whole.usage.prompt_tokens_details.cached_tokens < whole.usage.prompt_tokens


def test_a_chat_stream_has_no_usage_unless_asked(openai_client):
    chunks = list(openai_client.chat.completions.create(model="gpt-5-mini", messages=QUESTION, stream=True))
    assert chunks
    assert not any(chunk.usage for chunk in chunks)


def test_responses_answers_the_same_streamed_or_not(openai_client):
    whole = openai_client.responses.create(model="gpt-5-mini", input=QUESTION)
    events = list(openai_client.responses.create(model="gpt-5-mini", input=QUESTION, stream=True))
    assert whole.output_text == TEXT
    assert events[-1].type == "response.completed"
    assert events[-1].response.usage == whole.usage
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert 0 < whole.usage.input_tokens_details.cached_tokens < whole.usage.input_tokens


def test_embeddings_give_one_vector_for_each_input(openai_client):
    answer = openai_client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [item.embedding for item in answer.data] == [[1.0, 0.0], [1.0, 0.0]]
    assert answer.usage.prompt_tokens > 0


def test_messages_answers_the_same_streamed_or_not(anthropic_client):
    asked = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": QUESTION}
    whole = anthropic_client.messages.create(**asked)
    with anthropic_client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert whole.content[0].text == streamed.content[0].text == TEXT
    assert whole.usage == streamed.usage
    assert whole.usage.cache_read_input_tokens > 0 < whole.usage.input_tokens


def test_calls_need_the_applications_key(sandbox):
    with pytest.raises(openai_sdk.AuthenticationError):
        openai_sdk.OpenAI(
            api_key="sk-proj-other", base_url=sandbox.openai_url, max_retries=0
        ).embeddings.create(model="text-embedding-3-small", input="one")
    with pytest.raises(anthropic_sdk.AuthenticationError):
        anthropic_sdk.Anthropic(
            api_key="sk-ant-other", base_url=sandbox.anthropic_url, max_retries=0
        ).messages.create(model="claude-haiku-4-5", max_tokens=5, messages=QUESTION)
