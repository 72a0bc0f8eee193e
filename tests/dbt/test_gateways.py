"""Gateways in the marts: OpenRouter's credits are a bill, LiteLLM's spend is an estimate and in no billed sum."""

from datetime import date
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
MODELS = (
    "stg_litellm__spend_logs",
    "fct_gateway_costs",
    "fct_usage",
    "fct_transactions",
    "duplicate_events",
    "fct_attributed_costs",
    "fct_reconciliation",
    "fct_charges",
    "focus_costs",
    "fct_bill_versions",
)
IDENTITIES = (
    "money_in_equals_money_out",
    "attribution_sums_to_the_bill",
    "variance_adds_up",
    "every_event_counts_once",
    "focus_costs_conform",
    "focus_costs_are_the_bill",
    "bill_versions_are_the_charges",
)


def activity(usage, model="openai/gpt-4.1", byok="0.0", **more):
    return {
        "date": str(DAY),
        "model": model,
        "model_permaslug": f"{model}-2025-04-14",
        "endpoint_id": "ep-1",
        "provider_name": "OpenAI",
        "usage": usage,
        "byok_usage_inference": byok,
        "requests": 5,
        "prompt_tokens": 5000,
        "completion_tokens": 625,
        "cached_tokens": 1000,
        "workspace_id": "ws-1",
        **more,
    }


def estimate(spend, model, **more):
    counts = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    requests = {"api_requests": 2, "successful_requests": 2, "failed_requests": 0}
    who = {"api_key": "hash-1", "team_id": "t1", "user_id": "alice"}
    return {"model": model, "spend": spend, **counts, **requests, **who, **more}


def call(number, customer, **tokens):
    """A metered call through OpenRouter, without a list price."""
    return {
        "event_id": f"e{number}",
        "provider": "openrouter",
        "model": "openai/gpt-4.1",
        "connection": "name of c-openrouter",
        "provider_project": "ws-1",
        "customer": customer,
        "started_at": raw.after(DAY, 3),
        "received_at": raw.after(DAY, 4),
        "content_hash": str(number),
        "file_url": "f",
        "file_line": number,
        "service_tier": None,
        "is_batch": False,
        "cost_status": "unpriced",
        **tokens,
    }


OF_AN_ACCOUNT = {"connection": None, "provider_project": None, "input_tokens": 1}
OWN_NAMES = (
    ("azure_openai", "chat", None, "gpt-4o"),
    ("azure_openai", "chat", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
    ("azure_openai", "twice", None, "twice"),
    (
        "aws_bedrock",
        "arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12",
        None,
        "nova-pro",
    ),
    ("aws_bedrock", "ab12", None, "nova-pro"),
)
"""Provider, name as called, name in the answer, and the model it is; a name of two models stays as it is."""


def write(path):
    """A day of OpenAI's bill, of OpenRouter's and of LiteLLM's estimates of the same OpenAI calls."""
    raw.create(path, ("openai", "openrouter", "litellm", "azure_openai", "aws_bedrock"))
    raw.add_connections(path, "c-openai", "c-openrouter", "c-litellm", "c-azure_openai", "c-aws_bedrock")
    with raw.connect(path) as connection:
        connection.execute(
            "insert into raw_azure_openai.deployments by name select 'c-azure_openai' as connection_id,"
            " unnest(['/a', '/a', '/b']) as account_id, unnest(['Chat', 'twice', 'twice']) as name,"
            " unnest(['gpt-4o', 'gpt-4o', 'o4-mini']) as model_name"
        )
        connection.execute(
            "insert into raw_aws_bedrock.inference_profiles by name select 'c-aws_bedrock' as connection_id,"
            " timestamptz '2026-10-05' as observed_at, 'arn:aws:bedrock:us-east-1:1:application-inference-profile/ab12'"
            " as inference_profile_arn, 'ab12' as inference_profile_id, 'us-east-1' as region,"
            """ '["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"]' as models"""
        )
    bill = {"amount_value": "2.50", "amount_currency": "usd", "line_item": "gpt-4o-2024-08-06, input"}
    raw.pull(path, "c-openai", "costs", DAY, [bill])
    lines = [
        activity("0.015"),
        activity("0.0021", "anthropic/claude-sonnet-4.5", byok="0.042"),
        activity("0", "free/model:free", cached_tokens=9000),
        activity("1.2e-07", "tiny/ü", cached_tokens=None),
    ]
    raw.pull(path, "c-openrouter", "activity", DAY, [activity("99")], raw.after(DAY, 25))
    raw.pull(path, "c-openrouter", "activity", DAY, lines)
    estimates = [
        estimate("0.00022500000000000002", "openai/gpt-4o-2024-08-06", cache_read_input_tokens=40),
        estimate("2.4", "gpt-4o"),
        estimate("0.0", "openai/some-unpriced-model"),
        estimate("0.0", "unknown-model", total_tokens=0, successful_requests=0, failed_requests=2),
        estimate("0.5", "meta-llama/Llama-3", cache_creation_input_tokens=10),
        estimate("0.25", None, api_key=None),
    ]
    raw.pull(path, "c-litellm", "daily_activity", DAY, estimates)
    tokens = {"prompt_tokens": 10, "total_tokens": 15, "completion_tokens": 5, "cache_read_input_tokens": 4}
    request = {"spend": "0.0002", "model": "openai/gpt-4o", "status": "success", **tokens}
    request |= {"started_at": "2026-10-01T08:26:56.457+00:00"}
    gone = [request | {"request_id": f"r{n}"} for n in range(3)]
    raw.pull(path, "c-litellm", "spend_logs", DAY, gone, raw.after(DAY, 25))
    kept = [
        gone[2] | {"spend": "0.0003"},
        request | {"request_id": "unpriced", "spend": "0"},
        request | {"request_id": "cached", "spend": "0", "cache_hit": "True"},
        request | {"request_id": "failed", "spend": "0", "status": "failure"},
    ]
    raw.pull(path, "c-litellm", "spend_logs", DAY, kept, raw.after(DAY, 49))
    events = [
        call(1, "acme", input_tokens=3000, cache_read_tokens=500, output_tokens=0),
        call(2, "umbra", input_tokens=1000, output_tokens=1125),
        *(
            call(number, None, **OF_AN_ACCOUNT, provider=provider, model=model, response_model=answered)
            for number, (provider, model, answered, _) in enumerate(OWN_NAMES, 3)
        ),
    ]
    raw.load_events(path, events, 1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("gateways") / "warehouse.duckdb"
    write(path)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", *(f"+{model}" for model in MODELS)) == []
    return path


def test_every_identity_holds_with_gateways_beside_bills(warehouse):
    assert raw.dbt(warehouse, "test", "--select", *IDENTITIES) == []


def test_a_request_the_proxy_deleted_since_stays_and_each_counts_once(warehouse):
    found = raw.rows(
        warehouse,
        """select request_id, spend_usd, is_without_cost, input, cache_read, upstream_provider, model_name
        from staging.stg_litellm__spend_logs order by request_id""",
    )
    assert {row["request_id"]: (row["spend_usd"], row["is_without_cost"]) for row in found} == {
        "cached": (Decimal(0), False),
        "failed": (Decimal(0), False),
        "r0": (Decimal("0.0002"), False),
        "r1": (Decimal("0.0002"), False),
        "r2": (Decimal("0.0003"), False),
        "unpriced": (Decimal(0), True),
    }
    assert {
        (row["input"], row["cache_read"], row["upstream_provider"], row["model_name"]) for row in found
    } == {(6, 4, "openai", "gpt-4o")}


def test_billed_is_what_was_drawn_and_neither_own_keys_nor_estimates(warehouse):
    billed = raw.rows(
        warehouse,
        "select provider, sum(billed_cost_usd) as usd, count(*) as lines from marts.fct_charges group by 1 order by 1",
    )
    assert [(row["provider"], row["usd"], row["lines"]) for row in billed] == [
        ("openai", Decimal("2.5"), 1),
        ("openrouter", Decimal("0.01710012"), 4),
    ]
    (byok,) = raw.rows(
        warehouse, "select sum(byok_upstream_usd) as usd from staging.stg_openrouter__activity"
    )
    assert byok["usd"] == Decimal("0.042")


def test_a_line_of_openrouter_is_one_amount_for_all_its_tokens(warehouse):
    (line,) = raw.rows(warehouse, "select * from marts.fct_charges where model = 'openai/gpt-4.1'")
    assert (line["token_type"], line["quantity"], line["quantity_unit"]) == ("tokens", 5625, "tokens")
    assert line["sku"] == "openrouter/openai/gpt-4.1-2025-04-14/ep-1"
    assert line["provider_project"] == "ws-1"


def test_tokens_of_openrouter_are_disjoint_and_never_negative(warehouse):
    found = raw.rows(warehouse, "select * from marts.fct_usage where provider = 'openrouter'")
    assert {
        (row["model"], row["token_type"]): int(row["quantity"])
        for row in found
        if row["model"] in ("openai/gpt-4.1", "free/model:free", "tiny/ü")
    } == {
        ("openai/gpt-4.1", "input"): 4000,
        ("openai/gpt-4.1", "cache_read"): 1000,
        ("openai/gpt-4.1", "output"): 625,
        ("openai/gpt-4.1", "requests"): 5,
        ("free/model:free", "input"): 0,
        ("free/model:free", "cache_read"): 5000,
        ("free/model:free", "output"): 625,
        ("free/model:free", "requests"): 5,
        ("tiny/ü", "input"): 5000,
        ("tiny/ü", "output"): 625,
        ("tiny/ü", "requests"): 5,
    }


def test_a_blended_amount_is_shared_by_tokens_of_every_kind(warehouse):
    shares = raw.rows(
        warehouse,
        "select customer, sum(billed_cost_usd) as usd from marts.fct_attributed_costs"
        " where provider = 'openrouter' and model = 'openai/gpt-4.1' group by 1 order by 1 nulls last",
    )
    assert [(row["customer"], row["usd"]) for row in shares] == [
        ("acme", Decimal("0.015") * 3500 / 5625 // Decimal("1e-12") * Decimal("1e-12")),
        ("umbra", Decimal("0.015") * 2125 / 5625 // Decimal("1e-12") * Decimal("1e-12") + Decimal("1e-12")),
    ]
    (cell,) = raw.rows(
        warehouse,
        "select * from marts.fct_reconciliation where provider = 'openrouter' and metered_quantity > 0",
    )
    assert (cell["billed_quantity"], cell["metered_quantity"]) == (5625, 5625)


def test_estimates_keep_their_money_and_name_who_bills_it(warehouse):
    found = raw.rows(warehouse, "select * from marts.fct_gateway_costs")
    columns = ("sku", "upstream_provider", "model", "estimated_cost_usd", "cost_status")
    assert sorted((tuple(row[column] for column in columns) for row in found), key=str) == sorted(
        [
            ("openai/gpt-4o-2024-08-06", "openai", "gpt-4o", Decimal("0.000225"), "estimated"),
            ("gpt-4o", None, "gpt-4o", Decimal("2.4"), "estimated"),
            ("openai/some-unpriced-model", "openai", "some-unpriced-model", None, "unpriced"),
            ("unknown-model", None, "unknown-model", Decimal(0), "estimated"),
            ("meta-llama/Llama-3", None, "meta-llama/llama-3", Decimal("0.5"), "estimated"),
            (None, None, None, Decimal("0.25"), "estimated"),
        ],
        key=str,
    )


def test_tokens_of_litellm_are_disjoint(warehouse):
    found = raw.rows(
        warehouse,
        "select token_type, sum(quantity) as quantity from marts.fct_usage where provider = 'litellm' group by 1",
    )
    assert {row["token_type"]: int(row["quantity"]) for row in found} == {
        "input": 550,
        "cache_read": 40,
        "cache_write_5m": 10,
        "output": 120,
        "requests": 12,
    }


def test_no_cell_and_no_attributed_cost_is_litellms(warehouse):
    for mart in ("fct_reconciliation", "fct_attributed_costs"):
        assert raw.rows(warehouse, f"select 1 from marts.{mart} where connection_id = 'c-litellm'") == []


@pytest.mark.parametrize(
    ("connection", "report", "line", "test"),
    [
        ("c-openrouter", "activity", activity("1,50"), "not_null_stg_openrouter__activity_amount_usd"),
        (
            "c-litellm",
            "daily_activity",
            estimate("1,50", "m"),
            "not_null_stg_litellm__daily_activity_spend_usd",
        ),
    ],
)
def test_money_that_is_no_number_fails_loudly(tmp_path, connection, report, line, test):
    path = tmp_path / "warehouse.duckdb"
    provider = raw.CONNECTIONS[connection]
    raw.create(path, (provider,))
    raw.add_connections(path, connection)
    raw.pull(path, connection, report, DAY, [line])
    assert test in raw.dbt(path, "build", "--select", "gateway_upstreams", f"stg_{provider}__{report}")


def test_names_of_ones_own_are_the_model_behind_them_unless_the_answer_says_it(warehouse):
    found = raw.rows(
        warehouse,
        "select requested_model, served_model, model from marts.fct_transactions"
        " where provider in ('azure_openai', 'aws_bedrock') order by event_id",
    )
    assert [tuple(row.values()) for row in found] == [names[1:] for names in OWN_NAMES]
