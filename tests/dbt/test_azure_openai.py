"""Azure's bill as pulled: meters read word by word, units, categories; and tokens by deployment."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
CONNECTION = "c-azure_openai"
ACCOUNT = "/subscriptions/0000/resourceGroups/AI/providers/Microsoft.CognitiveServices/accounts/AOAI-Prod"
MODELS = ("run", "--select", "+money_in_equals_money_out", "+int_usage__unioned")
METERS = {
    "gpt 4o 0806 Inp glbl Tokens": ("gpt-4o", "input", "standard", "global", None),
    "gpt 4o 0806 Outp glbl Tokens": ("gpt-4o", "output", "standard", "global", None),
    "gpt 4o 0806 cached Inp glbl Tokens": ("gpt-4o", "cache_read", "standard", "global", None),
    "gpt 4o 0806 Inp regnl Tokens": ("gpt-4o", "input", "standard", "regional", None),
    "o4-mini 0416 Inp glbl Tokens": ("o4-mini", "input", "standard", "global", None),
    "o4-mini 0416 cchd Inp Data-Zone Tokens": ("o4-mini", "cache_read", "standard", "data_zone", None),
    "GPT 5 Inpt Glbl 1M Tokens": ("gpt-5", "input", "standard", "global", "1M"),
    "GPT 5 outpt Glbl 1M Tokens": ("gpt-5", "output", "standard", "global", "1M"),
    "GPT 5 cd Inpt Glbl 1M Tokens": ("gpt-5", "cache_read", "standard", "global", "1M"),
    "GPT 5 cache wr Inpt Glbl 1M Tokens": ("gpt-5", "cache_write_5m", "standard", "global", "1M"),
    "GPT 5 Batch Inpt Glbl 1M Tokens": ("gpt-5", "input", "batch", "global", "1M"),
    "GPT 5 PP outpt Glbl 1M Tokens": ("gpt-5", "output", "priority", "global", "1M"),
    "5.5 ShortCo inp Gl 1M Tokens": ("gpt-5.5", "input", "standard", "global", "1M"),
    "5.4 opt Dz 1M Tokens": ("gpt-5.4", "output", "standard", "data_zone", "1M"),
    "Grok 4.1 Inp DZone Tokens": ("grok-4.1", "input", "standard", "data_zone", None),
    "V4 Pro Outp DZ Tokens": ("deepseek-v4-pro", "output", "standard", "data_zone", None),
    "Phi-4-Input Tokens": ("phi-4", "input", "standard", None, None),
    "Inp Tokens": (None, "unmapped", "standard", None, None),
    "GPT 5 Something New": (None, "unmapped", "standard", None, None),
    "Standard Speech To Text": (None, "unmapped", "standard", None, None),
    "Provisioned Managed Global Unit": (None, "provisioned_throughput", "standard", "global", None),
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Seeds loaded; each test writes days of its own."""
    path = tmp_path_factory.mktemp("azure") / "warehouse.duckdb"
    raw.create(path, ("azure_openai",))
    raw.add_connections(path, "c-azure_openai")
    assert raw.dbt(path, "seed") == []
    return path


def line(cost, meter="gpt 4o 0806 Inp glbl Tokens", quantity="2", **more):
    return {
        "cost": cost,
        "currency": "USD",
        "meter": meter,
        "resource_id": ACCOUNT,
        "usage_quantity": quantity,
    } | more


def beside(cost, charge_type, meter="gpt 4o 0806 Inp glbl Tokens"):
    return {
        "cost": cost,
        "currency": "USD",
        "meter": meter,
        "charge_type": charge_type,
        "usage_quantity": "0",
    }


def unit(meter, measure):
    return {"cost": "1", "currency": "USD", "meter": meter, "unit_of_measure": measure}


def charges(path, day):
    assert raw.dbt(path, *MODELS) == []
    return raw.rows(
        path, f"select * from marts.fct_charges where charge_date = '{day}' order by sku, reported_cost_usd"
    )


def write(path):
    """A day of all meters, one of units, one of what is not usage, and one of counted tokens."""
    raw.create(path, ("azure_openai",))
    raw.add_connections(path, CONNECTION)
    days = [DAY + timedelta(days=n) for n in range(4)]
    raw.pull(path, CONNECTION, "costs", days[0], [line("1", meter) for meter in METERS])
    units = [unit("gpt 4o Inp Tokens", "1K"), unit("GPT 5 Inpt 1M Tokens", "1M"), unit("o3 Inp Tokens", "1K")]
    raw.pull(path, CONNECTION, "meter_units", days[1], [*units, unit("o3 Inp Tokens", "1M")])
    raw.pull(path, CONNECTION, "costs", days[1], [line("1", one["meter"], "4938.241") for one in units])
    beside_usage = [
        beside("3", "Usage"),
        beside("-2.5", "Refund"),
        beside("0.75", "Tax"),
        beside("7", "Purchase"),
    ]
    raw.pull(path, CONNECTION, "charge_types", days[2], beside_usage)
    raw.pull(
        path, CONNECTION, "costs", days[2], [line(None, cost_usd="2.2", currency="EUR"), line("1.5e-05")]
    )
    counts = [metric("ProcessedPromptTokens", 100), metric("InputTokens", 120), metric("GeneratedTokens", 7)]
    raw.pull(path, CONNECTION, "token_metrics", days[3], counts)


def test_every_meter_says_its_model_token_type_tier_and_routing_or_stays_visible(warehouse):
    raw.pull(warehouse, CONNECTION, "costs", DAY, [line("1", meter) for meter in METERS])
    found = charges(warehouse, DAY)
    assert {c["sku"]: (c["model"], c["token_type"], c["tier"]) for c in found} == {
        meter: said[:3] for meter, said in METERS.items()
    }
    assert sum(c["billed_cost_usd"] for c in found) == len(METERS)
    assert {(c["provider_project"], c["service_name"]) for c in found} == {("aoai-prod", "Azure OpenAI")}
    meters = raw.rows(warehouse, "select * from intermediate.int_azure_openai__meters")
    assert {m["meter"]: (m["routing"], m["named_unit"]) for m in meters} == {
        meter: said[3:] for meter, said in METERS.items()
    }


def test_quantities_are_tokens_where_the_unit_is_sure_and_unknown_elsewhere(warehouse):
    day = DAY + timedelta(days=1)
    thousand, million, odd = "gpt 4o Inp Tokens", "GPT 5 Inpt 1M Tokens", "GPT 5 outpt 1M Tokens"
    both, none, unmapped = "o3 Inp Tokens", "o1 Inp Tokens", "Hosting"
    measures = [
        unit(thousand, "1K"), unit(million, "1M"), unit(odd, "1K"), unit(both, "1K"), unit(both, "1M"),
        unit(unmapped, "1K"),
    ]  # fmt: skip
    lines = [line("1", meter, "4938.241") for meter in (thousand, million, odd, both, none, unmapped)]
    raw.pull(warehouse, CONNECTION, "meter_units", day, measures)
    raw.pull(warehouse, CONNECTION, "costs", day, lines)
    found = {c["sku"]: (c["quantity"], c["quantity_unit"]) for c in charges(warehouse, day)}
    assert found == {
        thousand: (Decimal(4938241), "tokens"),
        million: (Decimal(4938241000), "tokens"),
        **dict.fromkeys((odd, both, none, unmapped), (None, None)),
    }


def test_money_is_exact_and_what_is_not_usage_comes_once_with_its_category(warehouse):
    day = DAY + timedelta(days=2)
    raw.pull(warehouse, CONNECTION, "costs", day, [line("12.345600000001"), line("1.5e-05"), line("-0.1")])
    more = [
        ("3", "Usage"),
        ("-2.5", "Refund"),
        ("0.75", "Tax"),
        ("7", "Purchase"),
        ("0.2", "UnusedReservation"),
    ]
    raw.pull(warehouse, CONNECTION, "charge_types", day, [beside(*one) for one in more])
    found = charges(warehouse, day)
    by_category = {}
    for charge in found:
        key = charge["charge_category"]
        by_category[key] = by_category.get(key, 0) + charge["billed_cost_usd"]
    assert by_category == {
        "usage": Decimal("12.245615000001"),
        "adjustment": Decimal("-2.3"),
        "tax": Decimal("0.75"),
        "purchase": Decimal(7),
    }
    assert (
        raw.dbt(warehouse, "test", "--select", "money_in_equals_money_out", "stg_azure_openai__costs") == []
    )


def test_another_currency_counts_in_azures_dollars_and_never_as_dollars(warehouse):
    day = DAY + timedelta(days=3)
    raw.pull(warehouse, CONNECTION, "costs", day, [line(None, cost_usd="2.2", currency="EUR")])
    [charge] = charges(warehouse, day)
    assert (charge["billed_cost_usd"], charge["billing_currency"]) == (Decimal("2.2"), "USD")
    raw.pull(warehouse, CONNECTION, "costs", day, [line("2", currency="EUR")])
    failed = raw.dbt(warehouse, "test", "--select", "stg_azure_openai__costs")
    assert any("accepted_values" in name for name in failed)
    raw.pull(warehouse, CONNECTION, "costs", day, [])


def metric(name, total, hour="00", deployment="chat", model="gpt-4o"):
    return {
        "resource_id": ACCOUNT.lower(),
        "metric": name,
        "time_stamp": f"2026-10-05T{hour}:00:00Z",
        "total": total,
        "model_deployment_name": deployment,
        "model_name": model,
    }


def test_tokens_are_summed_by_deployment_and_traffic_counted_twice_is_taken_once(warehouse):
    day = DAY + timedelta(days=4)
    raw.pull(
        warehouse,
        CONNECTION,
        "token_metrics",
        day,
        [
            metric("ProcessedPromptTokens", 100),
            metric("ProcessedPromptTokens", 20, "23"),
            metric("InputTokens", 120),
            metric("GeneratedTokens", 7),
            metric("AzureOpenAIRequests", 2),
            metric("InputTokens", 5, deployment="nightly", model=None),
            metric("cacheReadInputTokens", 3, deployment="claude", model="claude-sonnet-4-5"),
        ],
    )
    with raw.connect(warehouse) as connection:
        connection.execute(
            "insert into raw_azure_openai.deployments by name select ? as connection_id, ? as account_id,"
            " unnest(['chat', 'nightly']) as name, unnest(['GlobalStandard', 'GlobalBatch']) as sku_name,"
            " unnest(['gpt-4o', 'gpt-4o-mini']) as model_name",
            [CONNECTION, ACCOUNT.lower()],
        )
    assert raw.dbt(warehouse, *MODELS) == []
    found = raw.rows(
        warehouse, f"select * from intermediate.int_usage__unioned where usage_date = '{day}' order by 1"
    )
    assert {(u["model"], u["token_type"], u["tier"]): u["quantity"] for u in found} == {
        ("gpt-4o", "input_gross", "standard"): 120,
        ("gpt-4o", "output", "standard"): 7,
        ("gpt-4o", "requests", "standard"): 2,
        ("gpt-4o-mini", "input_gross", "batch"): 5,
        ("claude-sonnet-4-5", "cache_read", "unknown"): 3,
    }
    assert len({u["usage_id"] for u in found}) == len(found) == 5
    assert {u["provider_project"] for u in found} == {"aoai-prod"}
