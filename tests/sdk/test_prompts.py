"""Prompts leave the process only where capturing is on, redacted, cut so that it shows, and in files of their own."""

import gzip
import json
import re
from datetime import UTC, datetime

import openai
import pytest
from meterhouse_sdk import attribute, configure, flush, meter, stats, wrap
from meterhouse_sdk.fields import OUTCOME_KINDS, PROMPT_FIELDS
from meterhouse_sdk.prompts import answer_text, fit_to_leave, request_prompts, streamed_text

from meterhouse.events.kinds import OUTCOMES, PROMPTS
from meterhouse.events.landing import list_files, open_landing_zone
from meterhouse.events.reader import read_landing_file
from meterhouse.settings import Settings

SECRET = "PLANTED-secret-4711"
CALL = {"provider": "openai", "model": "gpt-5", "input_tokens": 5}
PROMPT = {"system_prompt": f"be {SECRET}", "input_messages": [{"role": "user", "content": f"hello {SECRET}"}]}


def captured(landing):
    """The prompts that landed, by event id, as the one reader reads them."""
    assert flush(10)
    zone = open_landing_zone(Settings(landing_url=str(landing.path)))
    files = list_files(zone, kind=PROMPTS)
    readings = [read_landing_file(zone, file, 0, datetime.now(UTC)) for file in files]
    assert not any(reading.rejects.num_rows for reading in readings)
    return {row["event_id"]: row for reading in readings for row in reading.events.to_pylist()}


def landed_bytes(landing):
    assert flush(10)
    return b"".join(gzip.decompress(file.read_bytes()) for file in landing.path.rglob("*.jsonl.gz"))


def masked(text):
    return re.sub(r"PLANTED-\S+?-\d+", "[masked]", text)


def test_the_sdk_knows_exactly_the_fields_of_outcomes_and_prompts():
    assert {field.name: field.kind.value for field in OUTCOMES.fields} == OUTCOME_KINDS
    assert {field.name for field in PROMPTS.fields} == {*PROMPT_FIELDS, "event_id", "received_at"}


def test_nothing_is_captured_unless_it_is_asked_for(provider, landing):
    with openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0) as client:
        wrap(client).chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": f"hello {SECRET}"}]
        )
    meter(**CALL, **PROMPT)
    assert SECRET.encode() not in landed_bytes(landing)
    assert (captured(landing), stats()["uncaptured"]) == ({}, 1)


def test_prompts_of_a_call_lie_apart_from_its_event_and_carry_its_id(landing):
    event_id = meter(**CALL, **PROMPT, output_text="Hi.", capture_prompts=True)
    [kept] = captured(landing).values()
    assert (kept["event_id"], kept["output_text"], kept["prompts_truncated"]) == (event_id, "Hi.", None)
    assert json.loads(kept["input_messages"]) == PROMPT["input_messages"]
    [event] = landing.events()
    assert event["event_id"] == event_id
    assert not {*PROMPT_FIELDS} & {*event}
    assert SECRET not in json.dumps(event)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_wrapped_call_is_captured_whole_and_streamed(provider, landing, is_streamed):
    configure(landing_url=str(landing.path), capture_prompts=True)
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    with openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1", max_retries=0) as client:
        answer = wrap(client).chat.completions.create(model="gpt-5", messages=messages, stream=is_streamed)
        text = (
            "".join(part.choices[0].delta.content or "" for part in answer if part.choices)
            if is_streamed
            else answer.choices[0].message.content
        )
    [kept] = captured(landing).values()
    assert (kept["system_prompt"], kept["output_text"]) == ("be brief", text)
    assert text
    assert json.loads(kept["input_messages"]) == messages


def test_a_rule_decides_by_the_event_and_a_block_goes_before_it(landing):
    configure(landing_url=str(landing.path), capture_prompts=lambda event: event.get("customer") == "acme")
    with attribute(customer="acme"):
        kept = [meter(**CALL, **PROMPT)]
        with attribute(capture_prompts=False):
            meter(**CALL, **PROMPT)
    with attribute(customer="other"):
        meter(**CALL, **PROMPT)
        with attribute(capture_prompts=True):
            kept.append(meter(**CALL, **PROMPT))
    assert sorted(captured(landing)) == sorted(kept)
    assert all("capture_prompts" not in json.dumps(event) for event in landing.events())


def test_every_text_goes_through_every_hook_before_it_leaves(landing):
    configure(landing_url=str(landing.path), capture_prompts=True, redact=[masked, str.upper])
    meter(**CALL, **PROMPT, output_text=f"{SECRET} it is")
    [kept] = captured(landing).values()
    assert (kept["system_prompt"], kept["output_text"]) == ("BE [MASKED]", "[MASKED] IT IS")
    assert SECRET.encode() not in landed_bytes(landing)


@pytest.mark.parametrize("hook", [lambda text: text[100], lambda text: None])
def test_where_a_hook_fails_no_prompt_leaves_and_the_event_does(landing, hook):
    configure(landing_url=str(landing.path), capture_prompts=True, redact=hook)
    meter(**CALL, **PROMPT)
    assert landing.event()["input_tokens"] == 5
    assert SECRET.encode() not in landed_bytes(landing)
    assert stats()["failed"] == 1


def test_a_text_is_cut_after_redaction_and_says_so():
    cut = fit_to_leave({"output_text": f"{'x' * 10}{SECRET}"}, (masked,), 20)
    assert cut == {"output_text": "x" * 10 + "[masked]"}
    cut = fit_to_leave({"output_text": "x" * 21}, (), 20)
    assert cut == {"output_text": "x" * 20, "prompts_truncated": True}
    messages = [{"role": "user", "content": "old " * 30}, {"role": "user", "content": "new"}]
    cut = fit_to_leave({"input_messages": messages}, (), 60)
    assert (json.loads(cut["input_messages"]), cut["prompts_truncated"]) == (messages[1:], True)
    cut = fit_to_leave({"input_messages": messages[:1]}, (), 60)
    [beginning] = json.loads(cut["input_messages"])
    assert beginning.startswith('{"role": "user"')
    assert len(cut["input_messages"]) <= 60


REQUESTS = {
    "responses": {"instructions": "be", "input": "hi"},
    "anthropic": {
        "system": [{"type": "text", "text": "be"}],
        "messages": [{"role": "user", "content": "hi"}],
    },
    "gemini": {"config": {"system_instruction": "be"}, "contents": "hi"},
    "bedrock": {"system": [{"text": "be"}], "messages": [{"role": "user", "content": [{"text": "hi"}]}]},
}
ANSWERS = {
    "responses": {"output": [{"type": "reasoning"}, {"content": [{"type": "output_text", "text": "yo"}]}]},
    "anthropic": {"content": [{"type": "text", "text": "yo"}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "yo"}]}}]},
    "bedrock": {"output": {"message": {"content": [{"text": "yo"}]}}},
}
ITEMS = {
    "responses": {"type": "response.output_text.delta", "delta": "yo"},
    "anthropic": {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "yo"}},
    "gemini": ANSWERS["gemini"],
    "bedrock": {"contentBlockDelta": {"delta": {"text": "yo"}}},
}


@pytest.mark.parametrize("client", REQUESTS)
def test_the_texts_of_every_client_are_found(client):
    found = request_prompts(REQUESTS[client])
    assert (found["system_prompt"], "hi" in found["input_messages"]) == ("be", True)
    assert (answer_text(ANSWERS[client]), streamed_text(ITEMS[client])) == ("yo", "yo")
