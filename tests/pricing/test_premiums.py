"""What a region costs above everywhere: by the token, of the models that have it, and never where it is not known."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from meterhouse.pricing.book import SEEDS_FOLDER, load_price_book
from meterhouse.pricing.import_litellm_prices import premium_rows
from meterhouse.pricing.premiums import read_premiums
from tests.pricing.test_price import price

BOOK = load_price_book()
LATELY = {"started_at": datetime(2026, 11, 20, tzinfo=UTC)}
TOKENS = {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 10, "cache_write_5m_tokens": 10}


def costs(*calls):
    return [row["cost_usd"] for row in price(*({**TOKENS, **call} for call in calls), book=BOOK)]


@pytest.mark.parametrize(
    ("call", "here", "elsewhere", "factor"),
    [
        (
            {"provider": "anthropic", "model": "claude-opus-4-6"},
            ["us", " US "],
            [None, "global", "eu"],
            "1.1",
        ),
        (
            {"provider": "anthropic", "model": "claude-opus-4-6", "is_batch": True} | LATELY,
            ["us"],
            [None],
            "1.1",
        ),
        ({"provider": "anthropic", "model": "claude-haiku-4-5"}, ["us"], [None], "1"),
        (
            {"provider": "google", "model": "claude-sonnet-4-5@20250929"},
            ["us-east5", "eu"],
            [None, "global", ""],
            "1.1",
        ),
        (
            {"provider": "google", "model": "gemini-2.5-pro", "cache_write_5m_tokens": 0},
            ["us-east5"],
            [None],
            "1",
        ),
        (
            {"provider": "aws_bedrock"},
            [
                ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", None),
                ("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1"),
            ],
            [("global.anthropic.claude-sonnet-4-5-20250929-v1:0", None)],
            "1.2",
        ),
    ],
)
def test_a_region_costs_its_factor_more(call, here, elsewhere, factor):
    placed = [
        {"model": one[0], "region": one[1]} if isinstance(one, tuple) else {"region": one}
        for one in (*here, *elsewhere)
    ]
    found = costs(*(call | place for place in placed))
    assert None not in found
    base = set(found[len(here) :])
    assert len(base) == 1
    assert set(found[: len(here)]) == {base.pop() * Decimal(factor)}


def test_what_is_not_counted_in_tokens_has_no_premium():
    call = {"provider": "anthropic", "model": "claude-opus-4-6", "web_searches": 3}
    near, far = price(call | {"region": "us"}, call, book=BOOK)
    assert near["web_searches_cost_usd"] == far["web_searches_cost_usd"] == Decimal("0.03")
    assert near["price_version"] != far["price_version"]


def test_a_model_without_a_price_in_govcloud_is_unpriced_there_not_priced_as_elsewhere():
    model = "amazon.nova-pro-v1:0"
    near, far = costs(
        *(
            {"provider": "aws_bedrock", "model": name, "cache_write_5m_tokens": 0}
            for name in (f"us-gov.{model}", f"us.{model}")
        )
    )
    assert near is None
    assert far > 0


def test_every_regional_price_is_the_listed_one_times_its_factor():
    premiums = read_premiums(SEEDS_FOLDER)
    key = ["provider", "model", "tier", "token_type", "above_input_tokens", "valid_from"]
    both = (
        BOOK.prices.filter(pl.col("region") != "")
        .join(premiums, on=["provider", "model", "region"])
        .join(BOOK.prices.filter(pl.col("region") == ""), on=key, suffix="_base")
    )
    assert both.height > 500
    for row in both.iter_rows(named=True):
        factor = 1 if row["token_type"] in ("web_searches", "file_search") else row["multiplier"]
        assert row["unit_price_usd"] == row["unit_price_usd_base"] * factor, row


def test_factors_are_read_where_the_table_is_of_one_mind():
    prices = {"input_cost_per_token": Decimal("0.000003"), "output_cost_per_token": Decimal("0.000015")}
    dearer = {name: cost * Decimal("1.2") for name, cost in prices.items()}
    table = {
        "claude-opus-4-6": {
            "litellm_provider": "anthropic",
            "provider_specific_entry": {"us": Decimal("1.1")},
        },
        "gpt-4o": {"litellm_provider": "openai", "regional_processing_uplift_multiplier_eu": Decimal("1.10")},
        "gpt-4.1": {"litellm_provider": "openai", "regional_processing_uplift_multiplier_eu": Decimal("1.1")},
        "gpt-4.1-2025-04-14": {
            "litellm_provider": "openai",
            "regional_processing_uplift_multiplier_eu": Decimal("1.2"),
        },
        "gpt-unheard-of": {
            "litellm_provider": "openai",
            "regional_processing_uplift_multiplier_eu": Decimal("1.1"),
        },
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0": prices,
        "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0": dearer,
        "global.anthropic.claude-haiku-4-5-20251001-v1:0": prices,
        "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0": dearer
        | {"input_cost_per_token": Decimal("0.000003")},
    }
    rows = premium_rows(table, BOOK.aliases, "1", "2026-11-27T00:00:00Z")
    assert {(row["provider"], row["model"], row["region"], row["multiplier"]) for row in rows} == {
        ("anthropic", "claude-opus-4-6", "us", "1.1"),
        ("openai", "gpt-4o", "eu", "1.1"),
        ("aws_bedrock", "claude-sonnet-4-5", "us-gov", "1.2"),
    }
