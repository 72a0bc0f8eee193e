"""The price book seeds: readable, made from their source, and equal to it."""

import csv
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import genai_prices
import polars as pl
import pytest
from genai_prices.data import providers
from genai_prices.types import Usage

from meterhouse.events.schema import BUCKETS, EVENT_SCHEMA
from meterhouse.pricing import import_genai_prices
from meterhouse.pricing.book import SEEDS_FOLDER, load_price_book, price_book
from meterhouse.pricing.models import with_canonical_model
from meterhouse.pricing.price import price_events

PRICES = list(csv.DictReader((SEEDS_FOLDER / "price_book.csv").open()))
PRICES_OF: dict[tuple[str, str, str], list[dict[str, str]]] = {}
for price in PRICES:
    PRICES_OF.setdefault((price["provider"], price["model"], price["tier"]), []).append(price)
BOOK = load_price_book()
LISTED = [
    (provider, name, model)
    for provider in import_genai_prices.PROVIDERS
    for name, model in import_genai_prices.listed_models(provider)
]
SOURCES = {source.id: source for source in providers}


def test_every_price_is_a_plain_decimal_and_every_sheet_has_a_past_and_a_future():
    for row in PRICES:
        assert re.fullmatch(r"\d+(\.\d{1,18})?", row["unit_price_usd"]), row
        assert re.fullmatch(r"(\d{4}-\d\d-\d\dT00:00:00Z)?", row["valid_from"]), row
        assert not row["valid_to"] or row["valid_from"] < row["valid_to"], row


def test_the_seeds_are_what_the_import_writes(tmp_path):
    import_genai_prices.main(tmp_path)
    for name in ("price_book.csv", "model_aliases.csv"):
        assert (tmp_path / name).read_bytes() == (SEEDS_FOLDER / name).read_bytes()


def test_sheets_of_one_model_and_tier_never_overlap():
    sheets = BOOK.sheets.sort("provider", "model", "tier", "valid_from").with_columns(
        earlier_end=pl.col("valid_to").shift().over("provider", "model", "tier")
    )
    assert sheets.filter(pl.col("earlier_end") > pl.col("valid_from")).is_empty()


def test_every_model_names_itself_and_no_alias_has_two_models():
    aliases = BOOK.aliases
    assert not aliases.select("provider", "alias").is_duplicated().any()
    itself = (
        aliases.select("provider", "model")
        .unique()
        .join(
            aliases,
            left_on=["provider", "model"],
            right_on=["provider", "alias"],
            how="left",
            suffix="_found",
        )
    )
    assert itself.filter(pl.col("model_found").ne_missing(pl.col("model"))).is_empty()
    assert set(BOOK.sheets["model"]) <= set(aliases["model"])


@pytest.mark.parametrize(
    ("provider", "name", "model"),
    [
        ("openai", " GPT-4o ", "gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-4o-2031-01-31", "gpt-4o"),
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic", "gpt-4o", "gpt-4o"),
        ("openai", "Brand-New-2031-01-31", "brand-new-2031-01-31"),
        ("openai", None, None),
        ("azure_openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("azure_openai", "o4-mini-2025-04-16", "o4-mini"),
        ("aws_bedrock", "amazon.nova-pro-v1:0", "nova-pro"),
        ("aws_bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("aws_bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-v2"),
        ("aws_bedrock", "anthropic.claude-opus-4-1", "claude-opus-4-1"),
        ("aws_bedrock", "openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
        (
            "aws_bedrock",
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
            "nova-lite",
        ),
        ("google", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google", "models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("google", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("openrouter", "anthropic/claude-4.5-sonnet-20250929", "anthropic/claude-sonnet-4.5"),
        ("openrouter", "openai/gpt-4.1", "openai/gpt-4.1"),
    ],
)
def test_a_raw_name_has_one_canonical_model(provider, name, model):
    names = pl.DataFrame(
        {"provider": [provider], "raw_model": [name]}, schema_overrides={"raw_model": pl.String}
    )
    assert with_canonical_model(names, BOOK.aliases)["canonical_model"].to_list() == [model]


def test_a_price_given_twice_and_a_price_that_is_none_are_refused():
    frame = pl.DataFrame(PRICES[:1]).with_columns(pl.col("valid_from", "valid_to").replace("", None))
    aliases = BOOK.aliases
    with pytest.raises(ValueError, match="twice"):
        price_book(pl.concat([frame, frame]), aliases)
    with pytest.raises(ValueError, match="cannot be read"):
        price_book(frame.with_columns(unit_price_usd=pl.lit("cheap")), aliases)


INPUTS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_5m_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "image_input_tokens": "input_image_tokens",
    "video_input_tokens": "input_video_tokens",
}


def _random_request(dice: random.Random) -> tuple[dict, Decimal] | None:
    """A request whose buckets all have a price, and what the source says it costs.

    Left out, because the two differ there on purpose: buckets without a price of their own (the source prices
    them as their parent, we leave the event unpriced), durations (the source prices the exact hour, we the
    second at 18 places), and tiers before their first price (the source falls back to standard).
    """
    provider, name, model = dice.choice(LISTED)
    source = SOURCES[import_genai_prices.PROVIDERS[provider]]
    tier = dice.choice(["standard", "standard", "batch", "flex", "priority"])
    started_at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(690 * 24 * 60))
    sheets = [
        row
        for row in PRICES_OF.get((provider, name, tier), ())
        if (row["valid_from"] or "0") <= started_at.isoformat() < (row["valid_to"] or "9")
    ]
    priced = {row["token_type"] for row in sheets}
    fields = [b.field for b in BUCKETS if b.token_type in priced and b.token_type != "audio_seconds"]
    quantities = {
        name: dice.choice([0, 1, dice.randrange(9_000), dice.randrange(400_000)]) for name in fields
    }
    found = source.find_model(model.id, all_providers=providers)
    if found is None or found.id != model.id or not {"input", "output"} <= priced:
        return None
    output = {"output_tokens": quantities["output_tokens"] + quantities.get("audio_output_tokens", 0)}
    output["output_tokens"] += quantities.get("image_output_tokens", 0)
    usage = Usage(
        **{source: quantities[ours] for ours, source in INPUTS.items() if ours in quantities}
        | {"input_tokens": sum(quantities[name] for name in INPUTS if name in quantities)}
        | {
            "cache_write_tokens": sum(
                quantities.get(n, 0) for n in ("cache_write_5m_tokens", "cache_write_1h_tokens")
            )
        }
        | output
        | {"cache_audio_read_tokens": 0, "cache_image_read_tokens": 0}
        | {"output_audio_tokens": quantities.get("audio_output_tokens", 0)}
        | {"output_image_tokens": quantities.get("image_output_tokens", 0)}
        | {"web_searches": quantities.get("web_searches", 0)}
    )
    context = import_genai_prices.TIER_CONTEXTS[tier] or None
    said = genai_prices.calc_price(
        usage, model.id, provider_id=source.id, genai_request_timestamp=started_at, price_context=context
    )
    event = {
        "provider": provider,
        "model": model.id.replace("regional.", "us."),
        "service_tier": tier,
        "started_at": started_at,
    } | quantities
    return event, said.total_price


def test_a_thousand_random_requests_cost_what_the_source_says():
    dice = random.Random(20261123)
    requests = [request for _ in range(4000) if (request := _random_request(dice)) is not None]
    schema = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema
    events = pl.DataFrame(
        [{name: event.get(name) for name in schema} for event, _ in requests], schema=schema
    )
    priced = price_events(events, BOOK)
    assert len(requests) > 1000
    assert set(priced["cost_status"]) == {"priced"}
    rounded = [said.quantize(Decimal("1e-12"), ROUND_HALF_UP) for _, said in requests]
    assert priced["cost_usd"].to_list() == rounded
