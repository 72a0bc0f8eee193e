"""AWS Bedrock's bill and metrics as pulled: both grammars of usage types, scales, categories, profiles."""

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
CONNECTION = "c-aws_bedrock"
BEDROCK, SONNET, HAIKU, IMAGES = (
    "Amazon Bedrock",
    "Claude Sonnet 4.5 (Amazon Bedrock Edition)",
    "Claude 3 Haiku (Amazon Bedrock Edition)",
    "Stable Image Ultra (Amazon Bedrock Edition)",
)
NATIVE = {
    "USE1-NovaPro-input-tokens": ("nova-pro", "input", "standard", "us-east-1", None),
    "USW2-NovaPro-output-tokens-batch": ("nova-pro", "output", "batch", "us-west-2", None),
    "EU-NovaLite-output-tokens-flex": ("nova-lite", "output", "flex", "eu-west-1", None),
    "APN1-NovaPro-input-tokens-priority": ("nova-pro", "input", "priority", "ap-northeast-1", None),
    "USE1-NovaPro-cache-read-input-token-count": ("nova-pro", "cache_read", "standard", "us-east-1", None),
    "USE1-NovaPro-cache-write-input-token-count-cross-region-global": (
        "nova-pro", "cache_write_5m", "standard", "us-east-1", "cross-region-global",
    ),
    "EUC1-NovaPro-input-tokens-cross-region-eu-batch": (
        "nova-pro", "input", "batch", "eu-central-1", "cross-region-eu",
    ),
    "USE2-gpt-oss-120b-mantle-input-tokens-standard": ("gpt-oss-120b", "input", "standard", "us-east-2", None),
    "USE2-gpt-oss-120b-mantle-cache-read-tokens-standard": (
        "gpt-oss-120b", "cache_read", "standard", "us-east-2", None,
    ),
    "USE2-gpt-oss-120b-mantle-cache-write-tokens-standard": (
        "gpt-oss-120b", "cache_write_5m", "standard", "us-east-2", None,
    ),
    "USE1-NovaPro-input-tokens-latency-optimized": ("nova-pro", "input", "unknown", "us-east-1", None),
    "XYZ9-NovaPro-output-tokens": ("nova-pro", "output", "standard", None, None),
    "NovaPro-output-tokens": ("nova-pro", "output", "standard", None, None),
    "USE1-Guardrail-ContentPolicyUnitsConsumed": (None, "unmapped", "standard", "us-east-1", None),
    "USE1-NovaPro-something-new": (None, "unmapped", "standard", "us-east-1", None),
}  # fmt: skip
MARKETPLACE = {
    "InputTokenCount": ("input", "standard", None),
    "OutputTokenCount": ("output", "standard", None),
    "CacheReadInputTokenCount": ("cache_read", "standard", None),
    "CacheWriteInputTokenCount": ("cache_write_5m", "standard", None),
    "CacheWrite1hInputTokenCount": ("cache_write_1h", "standard", None),
    "InputTokenCount_Global": ("input", "standard", "global"),
    "OutputTokenCount_Batch": ("output", "batch", None),
    "InputTokenCount_LCtx_Global": ("input", "standard", "global"),
    "InputTokenCount_LatencyOptimized": ("input", "unknown", None),
    "input_tokens_standard": ("input", "standard", None),
    "input_tokens_global_standard": ("input", "standard", "global"),
    "output_tokens_batch": ("output", "batch", None),
    "cache_write_tokens_1h_global_standard": ("cache_write_1h", "standard", "global"),
    "ProvisionedThroughput_ModelUnits": ("unmapped", "standard", None),
}


def line(usage_type, amount="1", service=BEDROCK, quantity="1", **more):
    return {
        "service": service,
        "usage_type": usage_type,
        "record_type": "Usage",
        "unblended_cost_amount": amount,
        "unblended_cost_unit": "USD",
        "net_unblended_cost_amount": amount,
        "amortized_cost_amount": amount,
        "usage_quantity_amount": quantity,
        "usage_quantity_unit": "N/A",
        "is_estimated": True,
        **more,
    }


def point(metric, value, model="amazon.nova-pro-v1:0", hour=1, **more):
    return {
        "region": "us-east-1",
        "namespace": "AWS/Bedrock",
        "metric": metric,
        "model_id": model,
        "hour": hour,
        "value": value,
        **more,
    }


BILLED = [line(name) for name in NATIVE] + [
    line(f"USE1-MP:USE1_{body}-Units", service=SONNET) for body in MARKETPLACE
]
SCALED = [
    line("USE1-NovaPro-input-tokens", "0.0101516483", quantity="12.689"),
    line("USE1-MP:USE1_InputTokenCount-Units", "1.5", SONNET, "0.5"),
    line("USE1-MP:USE1_OutputTokenCount-Units", "1.25", HAIKU, "1000"),
    line("USE1-MP:USE1_created_image_stable-image-ultra-Units", "0.28", IMAGES, "2"),
    line("USE1-NovaPro-output-tokens", "3.3E-7", quantity="0.0001"),
]  # fmt: skip
OTHER = {
    "Credit": ("-5.000000000001", "credit"),
    "Tax": ("0.19", "tax"),
    "Refund": ("-1", "adjustment"),
    "Fee": ("2", "fee"),
    "Enterprise Discount Program Discount": ("-0.3", "adjustment"),
    "SavingsPlanUpfrontFee": ("7", "purchase"),
}
SCALED_DAY, OTHER_DAY, USAGE_DAY = (date(2026, 10, n) for n in (2, 3, 4))
POINTS = [
    point("InputTokenCount", 1000, hour=1),
    point("InputTokenCount", 1001, hour=2),
    point("OutputTokenCount", 7),
    point("CacheReadInputTokens", 5),
    point("Invocations", 3),
    point("InputTokenCount", 10, "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    point("InputTokenCount", 20, "anthropic.claude-3-5-sonnet-20241022-v2:0"),
    point("InputTokenCount", 40, "anthropic.claude-opus-4-1"),
    point("InputTokenCount", 30, "app-profile-1"),
    point("SomethingNew", 9),
    point("OutputTokens", 4, "openai.gpt-oss-120b-1:0", namespace="AWS/BedrockMantle", project="search"),
]


def write(path):
    """Days of both grammars, of scales, categories and metrics."""
    raw.create(path, ("aws_bedrock",))
    raw.add_connections(path, "c-aws_bedrock")
    raw.pull(path, CONNECTION, "costs", DAY, [line("USE1-NovaPro-input-tokens", "99")], raw.after(DAY, 20))
    raw.pull(path, CONNECTION, "costs", DAY, BILLED)
    raw.pull(path, CONNECTION, "costs", SCALED_DAY, SCALED)
    other = [line(None, amount, SONNET, "0", record_type=kind) for kind, (amount, _) in OTHER.items()]
    raw.pull(path, CONNECTION, "costs", OTHER_DAY, other)
    raw.pull(path, CONNECTION, "token_metrics", USAGE_DAY, POINTS)
    with raw.connect(path) as connection:
        connection.execute(
            "insert into raw_aws_bedrock.inference_profiles by name select 'c-aws_bedrock' as connection_id,"
            " timestamptz '2026-10-05' as observed_at, 'arn:app-profile-1' as inference_profile_arn,"
            " 'app-profile-1' as inference_profile_id, 'us-east-1' as region,"
            """ '["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"]' as models"""
        )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("bedrock") / "warehouse.duckdb"
    write(path)
    seeds = ("aws_regions", "billed_token_types", "model_aliases", "price_book", "quantity_units")
    models = (f"int_aws_bedrock__{what}" for what in ("charges", "usage"))
    aliases = ("stg_control__model_aliases", "int_model_aliases__unioned")
    built = ("--indirect-selection", "cautious", "--select", *seeds, *aliases, "stg_aws_bedrock__*", *models)
    assert raw.dbt(path, "build", *built) == []
    return path


def charges(path, day):
    return raw.rows(path, f"select * from intermediate.int_aws_bedrock__charges where charge_date = '{day}'")


def lines(path, day):
    return raw.rows(path, f"select * from staging.stg_aws_bedrock__costs where charge_date = '{day}'")


def test_native_usage_types_name_model_token_type_tier_region_and_routing_or_stay_unmapped(warehouse):
    found = {
        row["usage_type"]: tuple(
            row[name] for name in ("model_name", "token_type", "tier", "region", "routing")
        )
        for row in lines(warehouse, DAY)
        if row["service"] == BEDROCK
    }
    assert found == NATIVE


def test_marketplace_usage_types_take_the_model_from_the_service(warehouse):
    found = {
        row["usage_type"]: tuple(
            row[name] for name in ("model_name", "token_type", "tier", "region", "routing")
        )
        for row in lines(warehouse, DAY)
        if row["service"] == SONNET
    }
    assert found == {
        f"USE1-MP:USE1_{body}-Units": ("claude-sonnet-4-5", token_type, tier, "us-east-1", routing)
        for body, (token_type, tier, routing) in MARKETPLACE.items()
    }


def test_native_lines_count_thousands_marketplace_lines_millions_and_images_themselves(warehouse):
    found = {
        (row["model"], row["token_type"]): (row["quantity"], row["quantity_unit"], row["reported_cost_usd"])
        for row in charges(warehouse, SCALED_DAY)
    }
    assert found == {
        ("nova-pro", "input"): (Decimal(12689), "tokens", Decimal("0.0101516483")),
        ("claude-sonnet-4-5", "input"): (Decimal(500000), "tokens", Decimal("1.5")),
        ("claude-3-haiku", "output"): (None, None, Decimal("1.25")),
        ("stable-image-ultra", "images"): (Decimal(2), "images", Decimal("0.28")),
        ("nova-pro", "output"): (Decimal("0.1"), "tokens", Decimal("0.00000033")),
    }


def test_what_is_no_usage_has_its_own_category(warehouse):
    found = {
        row["sku"]: (row["reported_cost_usd"], row["charge_category"])
        for row in charges(warehouse, OTHER_DAY)
    }
    assert found == {kind: (Decimal(amount), category) for kind, (amount, category) in OTHER.items()}
    assert {row["token_type"] for row in charges(warehouse, OTHER_DAY)} == {"unmapped"}


def test_money_in_is_money_out_and_the_newest_pull_is_believed(warehouse):
    amounts = [Decimal(row["unblended_cost_amount"]) for row in BILLED + SCALED]
    total = sum(amounts) + sum(Decimal(amount) for amount, _ in OTHER.values())
    [row] = raw.rows(
        warehouse,
        "select sum(reported_cost_usd) as usd, count(*) as n from intermediate.int_aws_bedrock__charges",
    )
    assert (row["usd"], row["n"]) == (total, len(BILLED + SCALED) + len(OTHER))


def test_metrics_become_usage_per_day_and_a_profile_counts_for_its_model(warehouse):
    found = Counter()
    for row in raw.rows(warehouse, "select * from intermediate.int_aws_bedrock__usage"):
        found[row["model"], row["token_type"], row["provider_project"]] += row["quantity"]
    assert found == {
        ("nova-pro", "input", None): 2031,
        ("nova-pro", "output", None): 7,
        ("nova-pro", "cache_read", None): 5,
        ("nova-pro", "requests", None): 3,
        ("nova-pro", "unmapped", None): 9,
        ("claude-haiku-4-5", "input", None): 10,
        ("claude-3-5-sonnet-v2", "input", None): 20,
        ("claude-opus-4-1", "input", None): 40,
        ("gpt-oss-120b", "output", "search"): 4,
    }
