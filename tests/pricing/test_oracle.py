"""Prices against two oracles: recorded answers with their prices, and the source's own arithmetic on random requests.

Where ours differs, a rule says why, from the request alone; a difference without a rule fails.
"""

import gzip
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import genai_prices
import polars as pl
from genai_prices.data import providers
from genai_prices.types import Usage

from meterhouse.events.schema import BUCKETS, EVENT_SCHEMA
from meterhouse.pricing import genai_prices_source, import_genai_prices
from meterhouse.pricing.book import SEEDS_FOLDER, load_price_book, price_book
from meterhouse.pricing.models import REGIONAL, with_canonical_model
from meterhouse.pricing.overrides import BASE
from meterhouse.pricing.overrides_file import TIERS
from meterhouse.pricing.price import price_events
from meterhouse.pricing.quote import quotes

BOOK = load_price_book()
FIRST_BOOK = price_book(
    pl.read_csv(SEEDS_FOLDER / "price_book.csv", infer_schema=False).filter(
        pl.col("source") == "genai-prices"
    ),
    BOOK.aliases,
)
"""Without what the second book adds, of which the first says nothing."""
RECORDED = Path(__file__).resolve().parents[1] / "data" / "usage" / "recorded_prices.jsonl.gz"
PRICED_ON = datetime(2026, 8, 21, 12, tzinfo=UTC)
SOURCES = {source.id: source for source in providers}
LISTED = [
    (provider, *one)
    for provider in genai_prices_source.PROVIDERS
    for one in import_genai_prices.listed_models(provider)
]
TYPES_OF_SHEET: dict[tuple, list[tuple]] = {}
_ALL_DAY = (pl.col("above_input_tokens") == BASE) & (pl.col("hours") == "")
for _row in FIRST_BOOK.prices.filter(_ALL_DAY).iter_rows(named=True):
    _key = (_row["provider"], _row["model"], _row["tier"], _row["region"])
    TYPES_OF_SHEET.setdefault(_key, []).append((_row["valid_from"], _row["valid_to"], _row["token_type"]))

INPUTS = {
    "input": "input_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_5m": "cache_write_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "audio_input": "input_audio_tokens",
    "image_input": "input_image_tokens",
    "video_input": "input_video_tokens",
}
OUTPUTS = {
    "output": "output_tokens",
    "audio_output": "output_audio_tokens",
    "image_output": "output_image_tokens",
}
FIELDS = {bucket.token_type: bucket.field for bucket in BUCKETS}
COMPARED = (*INPUTS, *OUTPUTS, "web_searches")
"""Durations and characters are left out: the source prices the exact hour, we the second at 18 places."""
CENT = Decimal("1e-12")


def priced_types(provider, model, tier, region, at):
    sheets = TYPES_OF_SHEET.get((provider, model, tier, region), ())
    return {name for start, end, name in sheets if start <= at < end}


def said_by_source(provider, model_id, quantities, tier, at):
    """What the source asks for disjoint quantities, which it wants inside their totals."""
    usage = {theirs: quantities.get(ours, 0) for ours, theirs in (INPUTS | OUTPUTS).items()}
    usage["input_tokens"] = sum(quantities.get(name, 0) for name in INPUTS)
    usage["output_tokens"] = sum(quantities.get(name, 0) for name in OUTPUTS)
    usage["cache_write_tokens"] = sum(quantities.get(n, 0) for n in ("cache_write_5m", "cache_write_1h"))
    usage |= {"cache_audio_read_tokens": 0, "cache_image_read_tokens": 0}
    usage["web_searches"] = quantities.get("web_searches", 0)
    return genai_prices.calc_price(
        Usage(**usage),
        model_id,
        provider_id=genai_prices_source.PROVIDERS[provider],
        genai_request_timestamp=at,
        price_context=genai_prices_source.TIER_CONTEXTS[tier] or None,
    ).total_price


def asked_at(provider, name, at):
    """When to ask the source: it has no day since when prices of some hours hold, and puts them in the past too."""
    dated = FIRST_BOOK.sheets.filter(
        pl.col("provider") == provider, pl.col("model") == name, pl.col("hours") != ""
    )
    is_before = dated.height and at < dated["valid_from"].min()
    return at.replace(hour=12) if is_before else at


def random_request(dice):
    provider, name, region, model = dice.choice(LISTED)
    own = [tier for tier in TIERS if (provider, name, tier, region) in TYPES_OF_SHEET]
    tier = dice.choice(own if own and dice.random() < 0.9 else TIERS)
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randrange(690 * 24 * 60))
    types = priced_types(provider, name, tier, region, at)
    usual = [n for n in COMPARED if n in types and dice.random() < 0.8]
    rare = [n for n in COMPARED if dice.random() < 0.02]
    quantities = {
        n: dice.choice([0, 1, dice.randrange(9_000), dice.randrange(400_000)])
        for n in {"input", *usual, *rare}
    }
    found = SOURCES[genai_prices_source.PROVIDERS[provider]].find_model(model.id, all_providers=providers)
    if found is None or found.id != model.id:
        return None
    event = {
        "provider": provider,
        "model": model.id.replace("regional.", "us.") if region else name,
        "service_tier": tier,
        "started_at": at,
    } | {FIELDS[n]: quantity for n, quantity in quantities.items()}
    return (
        event,
        quantities,
        types,
        said_by_source(provider, model.id, quantities, tier, asked_at(provider, name, at)),
    )


def rule_of(quantities, types):
    """Why ours is unpriced where the source has a number."""
    if not types:
        return "the tier has no price of its own then; the source takes the standard price"
    if any(quantity and name not in types for name, quantity in quantities.items()):
        return "a quantity has no price of its own; the source takes its parent's price, or none"
    return None


def test_ten_thousand_random_requests_cost_what_the_source_says_or_a_rule_says_why_not():
    dice = random.Random(20261123)
    requests = []
    while len(requests) < 10_000:
        request = random_request(dice)
        if request is not None:
            requests.append(request)
    schema = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema
    events = pl.DataFrame([{n: event.get(n) for n in schema} for event, *_ in requests], schema=schema)
    priced = price_events(events, FIRST_BOOK)
    rules = Counter()
    for (event, quantities, types, said), cost, status in zip(
        requests, priced["cost_usd"], priced["cost_status"], strict=True
    ):
        rule = rule_of(quantities, types)
        if rule is None:
            assert (status, cost) == ("priced", said.quantize(CENT, ROUND_HALF_UP)), (event, said)
        else:
            assert (status, cost) == ("unpriced", None), (event, rule)
        rules[rule] += 1
    assert len(rules) == 3
    assert rules[None] > 4000, rules


def recorded_rule(call, answer, said):
    """Why ours differs from the price recorded on 2026-08-21."""
    usage, types = call["usage"], {item["token_type"]: item["quantity"] for item in answer["line_items"]}
    name = with_canonical_model(
        pl.DataFrame({"provider": [call["provider"]], "raw_model": [call["model"]]}), BOOK.aliases
    )["canonical_model"].item()
    tier = "flex" if usage.get("trafficType") == "ON_DEMAND_FLEX" else "standard"
    known = priced_types(call["provider"], name, tier, "", PRICED_ON)
    if answer["cost_status"] == "rejected":
        return (
            "the usage does not add up, or another model did a part"
            if "cannot be split" in answer["reason"]
            else None
        )
    if answer["cost_status"] == "unpriced":
        if not priced_types(call["provider"], name, "standard", "", PRICED_ON):
            return (
                "the name is no alias of a listed model; the source takes a model whose name begins like it"
            )
        return rule_of(types, known)
    if any(one["type"] == "compaction" for one in usage.get("iterations", ())):
        return "the source leaves out what a compaction used"
    cost = sum(
        Decimal(item["cost_usd"]) for item in answer["line_items"] if item["token_type"] != "web_searches"
    )
    tokens = {n: quantity for n, quantity in types.items() if n != "web_searches"}
    if call["provider"] == "aws_bedrock":
        kept = priced_types("aws_bedrock", name, "standard", REGIONAL, PRICED_ON)
        regional = said_by_source("aws_bedrock", call["model"], tokens, "standard", PRICED_ON)
        return (
            "a name that is no Bedrock id names no region; the source takes the regional price"
            if kept and regional == said
            else None
        )
    if cost == said_by_source(call["provider"], call["model"], tokens, "standard", PRICED_ON).quantize(CENT):
        return "the source gives that day another price since"
    return None


def test_recorded_answers_cost_what_was_recorded_or_a_rule_says_why_not():
    calls = [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]
    lines = [json.dumps({"at": PRICED_ON.isoformat(), **call}) for call in calls]
    rules = Counter()
    for call, answer in zip(calls, quotes(lines, BOOK, PRICED_ON), strict=True):
        said = Decimal(call["input_price"]) + Decimal(call["output_price"])
        # The record prices tokens; searches have lines of their own.
        tokens = [item["cost_usd"] for item in answer["line_items"] if item["token_type"] != "web_searches"]
        if answer["cost_status"] == "priced" and sum(tokens) == said:
            rules["equal"] += 1
            continue
        rule = recorded_rule(call, answer, said)
        assert rule is not None, (call, answer)
        rules[rule] += 1
    assert rules["equal"] > 1000, rules
    assert sum(rules.values()) - rules["equal"] < 220, rules
