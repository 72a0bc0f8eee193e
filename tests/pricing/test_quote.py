"""`meterhouse prices show` and `quote`: by any name, in the providers' own usage, to the exact sum."""

import json
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app

AT = "2026-11-20T10:00:00Z"
OPENAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
}
ANTHROPIC = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "cache_read_input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15},
    "service_tier": "standard",
    "inference_geo": "not_available",
    "server_tool_use": {"web_search_requests": 2},
}
GEMINI = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 10,
    "thoughtsTokenCount": 5,
    "totalTokenCount": 1015,
}
CONVERSE = {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100}


def prices(*arguments, code=0):
    done = CliRunner().invoke(app, ["prices", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def quoted(tmp_path, *lines):
    file = tmp_path / "calls.jsonl"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return [json.loads(line) for line in prices("quote", file, "--json").stdout.splitlines()]


def call(provider, model, usage, **more):
    return {
        "id": f"{provider}/{model}",
        "provider": provider,
        "model": model,
        "at": AT,
        "usage": usage,
    } | more


@pytest.mark.parametrize(
    ("line", "cost", "tokens"),
    [
        (
            call("openai", "gpt-4o-2024-08-06", OPENAI),
            "0.003",
            {"input_tokens": 600, "cache_read_tokens": 400, "output_tokens": 100},
        ),
        (
            call("anthropic", "claude-sonnet-4-5-20250929", ANTHROPIC),
            "0.02461175",
            {"input_tokens": 1000, "cache_read_tokens": 10, "cache_write_5m_tokens": 5}
            | {"cache_write_1h_tokens": 15, "output_tokens": 100, "web_searches": 2},
        ),
        (
            call("google", "models/gemini-2.5-pro", GEMINI),
            "0.0014",
            {"input_tokens": 1000, "output_tokens": 15},
        ),
        (
            call("aws_bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", CONVERSE),
            "0.0045",
            {"input_tokens": 1000, "output_tokens": 100},
        ),
        (
            call(
                "openai",
                "gpt-4o",
                {"input_tokens": 3, "output_tokens": 0},
                dialect="langchain",
                is_batch=True,
            ),
            "0.00000375",
            {"input_tokens": 3, "output_tokens": 0},
        ),
        (
            {"event_id": "e", "provider": "openai", "model": "gpt-4o", "started_at": AT, "input_tokens": 10},
            "0.000025",
            {"input_tokens": 10},
        ),
    ],
)
def test_a_call_is_quoted_in_its_providers_own_usage(tmp_path, line, cost, tokens):
    [answer] = quoted(tmp_path, line)
    assert (answer["id"], answer["cost_status"]) == (line.get("id", "e"), "priced")
    assert (Decimal(answer["cost_usd"]), answer["tokens"]) == (Decimal(cost), tokens)
    assert sum(Decimal(item["cost_usd"]) for item in answer["line_items"]) == Decimal(cost)
    for item in answer["line_items"]:
        assert item["quantity"] * Decimal(item["unit_price_usd"]) == Decimal(item["cost_usd"])


def test_every_line_has_an_answer_in_its_place_and_unknown_is_no_cost(tmp_path):
    answers = quoted(
        tmp_path,
        call("openai", "nobody-knows-it", {"prompt_tokens": 5}),
        call("openai", "gpt-4o", {"prompt_tokens": 5, "total_tokens": 9}),
        "nonsense",
        call("openai", "gpt-4o", OPENAI, dialect="esperanto"),
        call("openai", "gpt-4o", OPENAI),
        call("openai", "gpt-4o", OPENAI),
        {"id": 7, "provider": "openai", "model": "gpt-4o", "at": "yesterday", "usage": OPENAI},
    )
    assert [one["cost_status"] for one in answers] == [
        *("unpriced", "rejected", "rejected", "rejected", "priced", "priced", "rejected")
    ]
    assert all((one["cost_usd"] is None) == (one["cost_status"] != "priced") for one in answers)
    reasons = [one.get("reason", "") for one in answers]
    assert "total of 9 tokens is not input plus output" in reasons[1]
    assert "no JSON" in reasons[2]
    assert "'esperanto' is unknown; write one of openai," in reasons[3]
    assert "started_at" in reasons[6]


def test_the_table_says_the_total_and_what_is_unknown(tmp_path):
    file = tmp_path / "calls.jsonl"
    lines = [call("openai", "gpt-4o", OPENAI), call("openai", "nobody-knows-it", OPENAI)]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert "0.003 USD for 1 calls; the cost of 1 is unknown." in prices("quote", file).stderr
    assert "cannot be read" in prices("quote", tmp_path / "no.jsonl", code=1).stderr


def test_a_model_is_shown_by_any_of_its_names_with_where_its_prices_are_from():
    sheets = json.loads(prices("show", "gpt-4o-2024-08-06", "--json").stdout)
    assert {"openai", "azure_openai"} <= {sheet["provider"] for sheet in sheets}
    [sheet] = [
        one for one in sheets if (one["provider"], one["tier"], one["region"]) == ("openai", "standard", None)
    ]
    assert sheet["source"] == "genai-prices"
    assert sheet["source_version"]
    assert sheet["retrieved_at"]
    by_type = {price["token_type"]: Decimal(price["unit_price_usd"]) for price in sheet["prices"]}
    assert by_type["input"] * 1_000_000 == Decimal("2.5")
    assert "gpt-4o" in prices("show", "gpt-4o", "--provider", "openai").stdout


def test_a_day_and_the_history_are_shown():
    def inputs(*arguments):
        sheets = json.loads(prices("show", "o3", "--provider", "openai", "--json", *arguments).stdout)
        return {
            Decimal(price["unit_price_usd"]) * 1_000_000
            for sheet in sheets
            if sheet["tier"] == "standard"
            for price in sheet["prices"]
            if price["token_type"] == "input"
        }

    assert inputs("--at", "2025-06-01") == {Decimal(10)}
    assert inputs() == {Decimal(2)}
    assert inputs("--history") == {Decimal(2), Decimal(10)}


def test_an_unknown_model_gets_near_names():
    refused = prices("show", "gpt4", code=2)
    assert "No price is known for 'gpt4'" in refused.stderr
    assert "gpt-4" in refused.stderr
