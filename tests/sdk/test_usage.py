"""Every usage object ends in disjoint quantities whose sum is the provider's own total, or in none at all."""

import json
from pathlib import Path

import pytest
from meterhouse_sdk.fields import TOKEN_FIELDS
from meterhouse_sdk.usage import UndecidableError, anthropic_quantities, openai_quantities

RECORDED = Path(__file__).resolve().parents[1] / "data" / "usage" / "recorded_usages.jsonl"
BODIES = [json.loads(line) for line in RECORDED.read_text().splitlines()]


def total_by_provider(dialect, usage):
    if dialect == "openai":
        return usage["total_tokens"]
    parts = [usage, *(part for part in usage.get("iterations", ()) if part["type"] == "compaction")]
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(part[name] for part in parts for name in names)


def split(dialect, usage):
    return (openai_quantities if dialect == "openai" else anthropic_quantities)(usage)


def test_the_sum_of_the_buckets_is_the_providers_own_total_on_every_recorded_answer():
    undecidable, tested = [], {"openai": 0, "anthropic": 0}
    for body in BODIES:
        try:
            quantities = split(body["dialect"], body["usage"])
        except UndecidableError as error:
            undecidable.append((body["file"].rpartition("/")[2], str(error)))
            continue
        tested[body["dialect"]] += 1
        assert sum(quantities.get(name, 0) for name in TOKEN_FIELDS) == total_by_provider(
            body["dialect"], body["usage"]
        )
        assert all(type(quantity) is int and quantity >= 0 for quantity in quantities.values())
        assert quantities.get("reasoning_tokens", 0) <= quantities.get("output_tokens", 0)
    assert tested == {"openai": 472, "anthropic": 166}
    # A compatible provider that thinks outside its output, and an advisor of another model.
    assert sorted(undecidable) == [
        ("test_anthropic_advisor_tool.yaml", "a part of type 'advisor_message' was done by another model"),
        (
            "test_anthropic_advisor_tool_message_replay.yaml",
            "a part of type 'advisor_message' was done by another model",
        ),
        (
            "test_compatible_api_with_tool_calls_without_id.yaml",
            "the total of 100 tokens is not input plus output",
        ),
        (
            "test_compatible_api_with_tool_calls_without_id.yaml",
            "the total of 109 tokens is not input plus output",
        ),
    ]


def test_cached_tokens_are_taken_out_of_openais_input_and_left_out_of_anthropics():
    openai = {
        "input_tokens": 1000,
        "output_tokens": 1,
        "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 100},
    }
    assert openai_quantities(openai) == {
        "input_tokens": 500,
        "cache_read_tokens": 400,
        "cache_write_5m_tokens": 100,
        "output_tokens": 1,
    }
    anthropic = {
        "input_tokens": 1000,
        "output_tokens": 1,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 100,
    }
    assert anthropic_quantities(anthropic) == {
        "input_tokens": 1000,
        "cache_read_tokens": 400,
        "cache_write_5m_tokens": 100,
        "output_tokens": 1,
    }


def test_what_the_provider_did_not_report_is_absent_and_what_it_reported_as_zero_is_zero():
    assert openai_quantities({"prompt_tokens": 5, "total_tokens": 5}) == {"input_tokens": 5}
    reported = {"prompt_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}
    assert openai_quantities(reported) == {"input_tokens": 5, "cache_read_tokens": 0, "output_tokens": 0}


def test_cached_audio_is_split_only_when_the_text_tokens_tell_the_parts_apart():
    details = {"cached_tokens": 10, "audio_tokens": 20}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 0,
        "total_tokens": 100,
        "prompt_tokens_details": details,
    }
    with pytest.raises(UndecidableError, match="cached tokens may be among the audio"):
        openai_quantities(usage)
    apart = {**usage, "prompt_tokens_details": {**details, "text_tokens": 70}}
    assert openai_quantities(apart)["input_tokens"] == 70


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 6}},
            "parts of the input exceed its 5",
        ),
        ({"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 7}, "total of 7 tokens is not"),
        (
            {"prompt_tokens": 5, "completion_tokens": 1, "completion_tokens_details": {"audio_tokens": 2}},
            "parts of the output",
        ),
        ({"prompt_tokens": -5}, "prompt_tokens is -5"),
        ({"prompt_tokens": 5.5}, "prompt_tokens is 5.5"),
        ({"total_tokens": 5}, "prompt_tokens or input_tokens is missing"),
        (
            {
                "input_tokens": 9,
                "output_tokens": 1,
                "input_tokens_details": {
                    "cache_write_tokens": 4,
                    "cache_write_tokens_details": {"ttl_12h_tokens": 4},
                },
            },
            "12 hour cache",
        ),
    ],
)
def test_openai_usage_that_does_not_add_up_is_refused_rather_than_guessed(usage, reason):
    with pytest.raises(UndecidableError, match=reason):
        openai_quantities(usage)


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (
            {
                "input_tokens": 1,
                "output_tokens": 1,
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 3},
            },
            "the 9 tokens written to the cache are not the sum",
        ),
        (
            {"input_tokens": 1, "output_tokens": 1, "iterations": [{"type": "fallback_message"}]},
            "another model",
        ),
        ({"output_tokens": 1}, "input_tokens is missing"),
    ],
)
def test_anthropic_usage_that_does_not_add_up_is_refused_rather_than_guessed(usage, reason):
    with pytest.raises(UndecidableError, match=reason):
        anthropic_quantities(usage)
