"""The price book seeds: readable, made from their source, and equal to it."""

import csv
import re

import polars as pl
import pytest

from meterhouse.pricing import import_genai_prices
from meterhouse.pricing.book import SEEDS_FOLDER, load_price_book, price_book
from meterhouse.pricing.models import with_canonical_model

PRICES = list(csv.DictReader((SEEDS_FOLDER / "price_book.csv").open()))
BOOK = load_price_book()


def test_every_price_is_a_plain_decimal_and_every_sheet_has_a_past_and_a_future():
    for row in PRICES:
        assert re.fullmatch(r"\d+(\.\d{1,18})?", row["unit_price_usd"]), row
        assert re.fullmatch(r"(\d{4}-\d\d-\d\dT00:00:00Z)?", row["valid_from"]), row
        assert not row["valid_to"] or row["valid_from"] < row["valid_to"], row


def test_the_seeds_are_what_the_import_writes(tmp_path):
    import_genai_prices.main(tmp_path)
    added = {(row["provider"], row["model"]) for row in PRICES if row["source"] != "genai-prices"}
    for name, is_added in (
        ("price_book.csv", lambda row: row["source"] != "genai-prices"),
        (
            "model_aliases.csv",
            lambda row: row["alias"] == row["model"] and (row["provider"], row["model"]) in added,
        ),
    ):
        written = list(csv.DictReader((tmp_path / name).open()))
        seed = list(csv.DictReader((SEEDS_FOLDER / name).open()))
        assert all(is_added(row) for row in seed[len(written) :])
        assert seed[: len(written)] == written


def test_sheets_of_one_model_and_tier_never_overlap():
    sheets = BOOK.sheets.sort("provider", "model", "tier", "region", "hours", "valid_from").with_columns(
        earlier_end=pl.col("valid_to").shift().over("provider", "model", "tier", "region", "hours")
    )
    assert sheets.filter(pl.col("earlier_end") > pl.col("valid_from")).is_empty()


def test_every_model_names_itself_and_no_alias_has_two_models():
    aliases = BOOK.aliases
    written = pl.read_csv(SEEDS_FOLDER / "model_aliases.csv", infer_schema=False)
    assert not written.select("provider", "alias").is_duplicated().any()
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
