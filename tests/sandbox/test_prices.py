"""The sandbox's price list is what genai-prices says."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from meterhouse.pricing.genai_prices_source import PROVIDERS
from meterhouse.pricing.import_genai_prices import listed_models
from sandbox.catalogue import MODELS, unit_price_usd

USAGE_FIELDS = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_tokens",
    "output": "output_tokens",
}
LISTED = [(model, token_type) for model in MODELS if model.is_listed() for token_type in model.list_prices]


@pytest.mark.parametrize(("model", "token_type"), LISTED, ids=lambda part: getattr(part, "canonical", part))
def test_list_prices_are_the_published_ones(model, token_type):
    tokens = 1000
    counts = {"input_tokens": 0, "output_tokens": 0}
    if token_type == "cache_write_1h":
        counts |= {"input_tokens": tokens, "cache_write_tokens": tokens, "cache_write_1h_tokens": tokens}
    else:
        counts |= {USAGE_FIELDS[token_type]: tokens}
        if token_type.startswith("cache"):
            counts["input_tokens"] = tokens
    called = model.served or model.asked
    if model.provider in ("aws_bedrock", "google"):
        called = called.rpartition("/")[2]
    price = calc_price(
        Usage(**counts),
        called,
        provider_id=PROVIDERS[model.provider],
        genai_request_timestamp=datetime(2026, 11, 20, tzinfo=UTC),
    )
    names = {name for name, _, listed in listed_models(model.provider) if listed.id == price.model.id}
    assert names == {model.canonical}
    assert price.total_price == tokens * unit_price_usd(model, model.list_prices, token_type, "standard")


def test_batch_costs_half_the_list_price():
    for model, token_type in LISTED:
        standard = unit_price_usd(model, model.list_prices, token_type, "standard")
        assert unit_price_usd(model, model.list_prices, token_type, "batch") * 2 == standard


def test_the_private_model_has_no_list_price():
    (private,) = [model for model in MODELS if not model.is_listed() and model.operation == "chat"]
    with pytest.raises(ValueError, match="no price for input of acme-internal-ft"):
        unit_price_usd(private, private.list_prices, "input", "standard")
    assert unit_price_usd(private, private.private_prices, "input", "standard") == Decimal("0.00000375")
