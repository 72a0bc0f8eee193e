"""LiteLLM's table as the second book: it adds what the first has not, and every disagreement is told."""

import csv
import json
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from meterhouse.cli.main import app
from meterhouse.doctor import examine
from meterhouse.pricing import import_litellm_prices
from meterhouse.pricing.book import SEEDS_FOLDER, load_price_book
from meterhouse.pricing.opinions import disputed_costs, disputed_prices
from meterhouse.pricing.quote import quotes
from meterhouse.pricing.seeds import PRICE_COLUMNS
from meterhouse.pricing.versions import current_book
from meterhouse.settings import Settings
from tests.pricing.published import publish
from tests.pricing.test_oracle import PRICED_ON

CHAT = {"litellm_provider": "azure", "mode": "chat"}
TABLE = {
    "azure/gpt-4o-2024-08-06": CHAT | {"input_cost_per_token": 2.75e-06, "output_cost_per_token": 1e-05},
    "azure/eu/gpt-4o-2024-08-06": CHAT
    | {
        "input_cost_per_token": 2.75e-06,
        "output_cost_per_token": 1.1e-05,
        "input_cost_per_token_batches": 1.375e-06,
    },
    "azure/house-model": CHAT
    | {
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
        "input_cost_per_token_above_272k_tokens": 3e-06,
    }
    | {
        "input_cost_per_token_priority": 9e-06,
        "search_context_cost_per_query": {"search_context_size_low": 0.01},
    },
    "azure/dall-e-3": {
        "litellm_provider": "azure",
        "mode": "image_generation",
        "input_cost_per_pixel": 1e-08,
    },
    "azure/speech/azure-tts": {
        "litellm_provider": "azure",
        "mode": "audio_speech",
        "input_cost_per_character": 1e-05,
    },
    "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1},
}


@pytest.fixture
def wheel(tmp_path):
    file = tmp_path / "litellm-9.8.7-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("litellm/model_prices_and_context_window_backup.json", json.dumps(TABLE))
    return file


@pytest.fixture
def folder(tmp_path, wheel):
    for name in ("price_book.csv", "model_aliases.csv"):
        rows = (SEEDS_FOLDER / name).read_text()
        (tmp_path / name).write_text(rows)
    import_litellm_prices.main(wheel, "2026-11-27T00:00:00Z", tmp_path)
    return tmp_path


def test_it_adds_what_the_first_book_has_not_and_replaces_nothing_of_it(folder):
    def of_the_first(path):
        return [row for row in csv.DictReader(path.open()) if row["source"] != "litellm"]

    assert of_the_first(folder / "price_book.csv") == of_the_first(SEEDS_FOLDER / "price_book.csv")
    added = [row for row in csv.DictReader((folder / "price_book.csv").open()) if row["source"] == "litellm"]
    assert list(added[0]) == PRICE_COLUMNS
    sheets = {(row["model"], row["tier"], row["region"]) for row in added}
    assert sheets == {
        *{("gpt-4o", "standard", "eu"), ("gpt-4o", "batch", "eu")},
        *{("house-model", "standard", ""), ("house-model", "priority", "")},
    }
    assert {(row["source_version"], row["retrieved_at"]) for row in added} == {
        ("9.8.7", "2026-11-27T00:00:00Z")
    }
    once = (folder / "price_book.csv").read_bytes()
    import_litellm_prices.main(folder / "litellm-9.8.7-py3-none-any.whl", "2026-11-27T00:00:00Z", folder)
    assert (folder / "price_book.csv").read_bytes() == once


def test_a_data_zone_a_threshold_and_a_model_of_the_second_book_are_priced(folder):
    calls = [
        {"model": "gpt-4o-2024-08-06", "region": "eu", "input_tokens": 100},
        {"model": "gpt-4o-2024-08-06", "region": "swedencentral", "input_tokens": 100},
        {"model": "gpt-4o-2024-08-06", "region": "EU", "is_batch": True, "input_tokens": 100},
        {"model": "House-Model", "input_tokens": 272_001, "output_tokens": 1},
        {"model": "house-model", "service_tier": "priority", "input_tokens": 100},
        {"model": "dall-e-3", "images": 1},
    ]
    lines = [json.dumps({"provider": "azure_openai", "at": PRICED_ON.isoformat()} | call) for call in calls]
    costs = [one["cost_usd"] for one in quotes(lines, load_price_book(folder=folder), PRICED_ON)]
    assert costs == [
        *(Decimal("0.000275"), Decimal("0.00025"), Decimal("0.0001375")),
        *(Decimal("0.816005"), Decimal("0.0009"), None),
    ]


def test_the_books_disagreements_are_told_and_the_first_book_counts(wheel, tmp_path):
    done = CliRunner().invoke(app, ["prices", "diff", "--books", str(wheel), "--json"])
    answer = json.loads(done.stdout)
    assert answer["agreeing"] == 1
    row, of_another = answer["disagreeing"]
    assert (of_another["provider"], of_another["litellm_unit_price_usd"]) == ("openai", "1")
    assert (row["model"], row["token_type"]) == ("gpt-4o", "input")
    assert (row["unit_price_usd"], row["litellm_unit_price_usd"]) == ("0.0000025", "0.00000275")
    assert "disagree on 2" in CliRunner().invoke(app, ["prices", "diff", "--books", str(wheel)]).stderr
    broken = tmp_path / "broken.whl"
    broken.write_text("no wheel")
    assert CliRunner().invoke(app, ["prices", "diff", "--books", str(broken)]).exit_code == 2


USED = {"input": 5, "output": 7}
"""Tokens of the call at a disputed price, by token type."""


def test_prices_in_use_that_another_book_sees_otherwise_are_told_by_the_doctor(tmp_path):
    settings = Settings(home=tmp_path / "home", price_overrides_file=tmp_path / "overrides.yaml")
    settings.price_overrides_file.write_text("")
    now = datetime.now(UTC)
    call = {"provider": "aws_bedrock", "model": "gpt-5.5", "started_at": now - timedelta(hours=1)}
    publish(
        settings,
        [
            call | {f"{name}_tokens": n for name, n in USED.items()},
            call | {"model": "nova-pro", "input_tokens": 5},
        ],
    )
    rows = disputed_prices(settings, current_book(settings), now - timedelta(days=1), now)
    assert {row["model"] for row in rows} == {"gpt-5.5"}
    for row in rows:
        assert abs(row["other_unit_price_usd"] / row["unit_price_usd"] - 1) > Decimal("0.01")
        assert (row["source"], row["other_source"][:7]) == ("genai-prices", "litellm")
    [told] = [one for one in examine(settings, now) if "Another price book" in one.message]
    prices = {row["token_type"]: row for row in rows}
    for cost in disputed_costs(settings, current_book(settings), now - timedelta(days=1), now, now):
        price = prices.pop(cost["token_type"])
        assert (cost["model"], cost["cost_usd"]) == (
            "gpt-5.5",
            USED[cost["token_type"]] * price["unit_price_usd"],
        )
        assert cost["other_cost_usd"] == USED[cost["token_type"]] * price["other_unit_price_usd"]
        assert cost["difference_usd"] == cost["other_cost_usd"] - cost["cost_usd"]
    assert prices.keys() & USED.keys() == set(), "each disputed price that a call used means money"
    assert f"sees {len(rows)} prices in use more than 1 % off: aws_bedrock gpt-5.5." in told.message
    types = ", ".join(f"{row['token_type']}: 1" for row in rows)
    settings.price_overrides_file.write_text(
        f"prices: [{{provider: aws_bedrock, model: gpt-5.5, usd_per_million: {{{types}}}}}]"
    )
    assert disputed_prices(settings, current_book(settings), now - timedelta(days=1), now) == []
    assert disputed_costs(settings, current_book(settings), now - timedelta(days=1), now, now) == []
