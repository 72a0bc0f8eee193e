"""Small providers in the marts: each bill's money is there once, what cannot be mapped is there as unmapped."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 2)
BEFORE = DAY - timedelta(days=1)
PROVIDERS = ("vercel", "fireworks", "elevenlabs", "xai", "mistral", "deepgram", "together")
MODELS = (
    "dim_connection",
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
GLM = "accounts/fireworks/models/glm-5p2"


def vercel(model, cost, market=None, **tokens):
    counts = {"input_tokens": 1000, "cached_input_tokens": 200, "cache_creation_input_tokens": 0}
    counts |= {"output_tokens": 300, "reasoning_tokens": 10, "request_count": 12}
    day = {"reported_day": str(DAY), "model": model, "total_cost": cost, "market_cost": market or cost}
    return day | counts | tokens


def fireworks(model, units, nanos, currency="USD", is_remainder=None):
    money = {"subtotal_currency_code": currency, "subtotal_units": units, "subtotal_nanos": nanos}
    return {"dimensions_model": model, "is_remainder": is_remainder, **money}


def summary(units, nanos):
    money = {"total_cost_currency_code": "USD", "total_cost_units": units, "total_cost_nanos": nanos}
    return {"category": "LLM output tokens", "series": "SERVERLESS", "quantity": "5", **money}


def elevenlabs(model, cost, currency="usd", product="tts"):
    charge = {"fiat_charge_type": "usage", "fiat_currency": currency, "total_charge_count": "5021"}
    return {"model": model, "product_type": product, "total_cost": cost, **charge}


def mistral(total, category="completion", month="2026-10", currency="USD"):
    return {"month": month, "category": category, "total_usage": total, "currency": currency}


def deepgram(dollars, line_item):
    return {"project_id": "proj-1", "dollars": dollars, "grouping_line_item": line_item}


def together(product, cost, quantity="1000000", price="0.00000088", currency="USD"):
    money = {"quantity": quantity, "unit_price": price, "cost": cost, "currency": currency}
    where = {"pricing_dimensions_model": "meta/llama", "attributes_api_key_id": "key-1"}
    return {"date": str(DAY), "product_name": product, **money, **where}


def call(number, provider, model, customer, **quantities):
    return {
        "event_id": f"e{number}",
        "provider": provider,
        "model": model,
        "connection": f"name of c-{provider}",
        "customer": customer,
        "started_at": raw.after(DAY, 3),
        "received_at": raw.after(DAY, 4),
        "content_hash": str(number),
        "file_url": "f",
        "file_line": number,
        "service_tier": None,
        "is_batch": False,
        "cost_status": "unpriced",
        **quantities,
    }


BILLS = {
    ("vercel", "report"): [
        vercel("anthropic/claude-sonnet-5", "1.23", "1.40"),
        vercel("openai/gpt-5-mini", "0", "0.75"),
        vercel("tiny/ü", "1e-7", "1e-7"),
    ],
    ("fireworks", "usage_costs"): [
        fireworks(GLM, "12", 500_000_000),
        fireworks(None, "0", 250_000_000),
        fireworks(None, "0", 1, is_remainder=True),
        fireworks(GLM, "7", 0, currency="EUR"),
    ],
    ("fireworks", "billing_summary"): [summary("12", 750_000_001)],
    ("fireworks", "billing_usage"): [
        {"kind": "serverlessCosts", "model_name": GLM, "prompt_tokens": "900", "cached_prompt_tokens": "400"},
        {"kind": "dedicatedCosts", "deployment_id": "d1", "accelerator_seconds": "3600"},
    ],
    ("elevenlabs", "usage"): [
        elevenlabs("eleven_v3", "1.25"),
        elevenlabs("scribe_v2", "0.5", product="stt"),
    ],
    ("xai", "usage"): [
        {"timestamp": f"{DAY}T00:00:00Z", "description": "grok-4.6", "usd": "1.25"},
        {"timestamp": f"{DAY}T00:00:00Z", "description": "Live search: 25 sources", "usd": "0.0625"},
    ],
    ("xai", "balance"): [{"total_val": "-2500"}],
    ("deepgram", "billing_breakdown"): [
        deepgram("1.25", "streaming::nova-3"),
        deepgram("0.75", "something::new"),
    ],
    ("deepgram", "usage_breakdown"): [
        {"project_id": "proj-1", "hours": "1.5", "requests": 12, "grouping_models": "nova-3"}
    ],
    ("together", "usage"): [
        together("Serverless Inference - Input Tokens", "0.88"),
        together("Serverless Inference - Input Tokens", "0.88"),
        together("Serverless Inference - Output Tokens", "0.44", price="0.44", quantity="1"),
        together("Serverless Inference - Output Tokens", "0.88", price="0.88", quantity="1000000"),
        together("Fine-Tuning", "3"),
    ],
}
MISTRAL = {
    date(2026, 9, 29): [mistral("40", month="2026-09")],
    date(2026, 9, 30): [mistral("42.5", month="2026-09")],
    BEFORE: [mistral("3"), mistral("0", "ocr")],
    DAY: [mistral("12"), mistral("0.5", "ocr")],
    DAY + timedelta(days=3): [mistral("11.25"), mistral("0.5", "ocr")],
}


def write(path):
    """A day of each bill, October's first days of Mistral's, and metered calls."""
    raw.create(path, PROVIDERS)
    raw.add_connections(path, *(f"c-{provider}" for provider in PROVIDERS))
    raw.pull(path, "c-vercel", "report", DAY, [vercel("openai/gpt-5-mini", "99")], raw.after(DAY, 25))
    for (provider, report), lines in BILLS.items():
        raw.pull(path, f"c-{provider}", report, DAY, lines)
    raw.pull(path, "c-elevenlabs", "usage", BEFORE, [elevenlabs("eleven_v3", "9", currency="eur")])
    for day, lines in MISTRAL.items():
        raw.pull(path, "c-mistral", "spend", day, [mistral("0.01")], raw.after(day, 1))
        raw.pull(path, "c-mistral", "spend", day, lines, raw.after(day, 20))
    events = [
        call(1, "vercel", "anthropic/claude-sonnet-5", "acme", input_tokens=700, cache_read_tokens=200),
        call(2, "vercel", "anthropic/claude-sonnet-5", "umbra", output_tokens=400),
        call(3, "deepgram", "nova-3", "acme", audio_seconds=Decimal(5400)),
        call(4, "together", "meta/llama", "acme", input_tokens=2_000_000),
        call(5, "mistral", "mistral-large-latest", "acme", output_tokens=10, cost_usd=Decimal(4)),
        call(6, "mistral", "mistral-small-latest", "umbra", input_tokens=10, cost_usd=Decimal(5)),
        call(7, "elevenlabs", "eleven_v3", "acme", characters=10)
        | {"started_at": raw.after(BEFORE, 3), "received_at": raw.after(BEFORE, 4)},
    ]
    for event in events:
        if "cost_usd" in event:
            kind = "output" if "output_tokens" in event else "input"
            event |= {"cost_status": "priced", f"{kind}_cost_usd": event["cost_usd"]}
    raw.load_events(path, events, 1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "warehouse.duckdb"
    write(path)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", *(f"+{model}" for model in MODELS), *small_models()) == []
    return path


def small_models():
    return [f"staging.{provider}" for provider in PROVIDERS]


def charges(warehouse, provider, *columns):
    found = raw.rows(warehouse, f"select * from marts.fct_charges where provider = '{provider}'")
    return sorted((tuple(row[column] for column in columns) for row in found), key=str)


def test_every_identity_holds_and_every_line_is_a_line(warehouse):
    names = [*IDENTITIES, "fireworks_says_the_same_twice", "fct_charges", "int_usage__unioned"]
    assert raw.dbt(warehouse, "test", "--select", *names, *small_models()) == []


@pytest.mark.parametrize(
    ("provider", "usd"),
    [
        ("vercel", "1.2300001"),
        ("fireworks", "12.750000001"),
        ("elevenlabs", "1.75"),
        ("xai", "1.3125"),
        ("deepgram", "2"),
        ("together", "6.08"),
    ],
)
def test_billed_money_of_a_day_is_the_bills(warehouse, provider, usd):
    (found,) = raw.rows(
        warehouse,
        f"select sum(billed_cost_usd) as usd from marts.fct_charges where provider = '{provider}'"
        f" and charge_date = date '{DAY}'",
    )
    assert found["usd"] == Decimal(usd)


@pytest.mark.parametrize(
    ("provider", "lines"),
    [
        (
            "vercel",
            {
                ("anthropic/claude-sonnet-5", "tokens", 1300, "tokens"),
                ("openai/gpt-5-mini", "tokens", 1300, "tokens"),
                ("tiny/ü", "tokens", 1300, "tokens"),
            },
        ),
        ("fireworks", {("glm-5p2", "tokens", None, None), (None, "unmapped", None, None)}),
        (
            "elevenlabs",
            {("eleven_v3", "characters", None, None), ("scribe_v2", "unmapped", None, None)},
        ),
        ("xai", {("grok-4.6", "tokens", None, None), (None, "unmapped", None, None)}),
        ("mistral", {(None, "tokens", None, None), (None, "unmapped", None, None)}),
        ("deepgram", {("nova-3", "audio_seconds", None, None), (None, "unmapped", None, None)}),
        (
            "together",
            {
                ("meta/llama", "input", 1_000_000, "tokens"),
                ("meta/llama", "output", 1, "tokens"),
                ("meta/llama", "output", None, None),
                (None, "unmapped", None, None),
            },
        ),
    ],
)
def test_lines_are_mapped_or_visibly_not(warehouse, provider, lines):
    found = charges(warehouse, provider, "model", "token_type", "quantity", "quantity_unit")
    assert set(found) == lines


def test_what_the_market_asks_is_kept_and_never_billed(warehouse):
    (found,) = raw.rows(warehouse, "select sum(market_usd) as usd from staging.stg_vercel__report")
    assert found["usd"] == Decimal("2.1500001")


def test_another_currency_is_kept_as_sent_and_its_dollars_are_unknown(warehouse):
    found = raw.rows(
        warehouse,
        "select connection_id, reported_cost_usd, billed_cost_usd from marts.fct_charges"
        " where billing_currency = 'EUR'",
    )
    assert sorted(row["connection_id"] for row in found) == ["c-elevenlabs", "c-fireworks"]
    assert {(row["reported_cost_usd"], row["billed_cost_usd"]) for row in found} == {(None, None)}
    (line,) = raw.rows(
        warehouse, "select amount_value from staging.stg_elevenlabs__usage where billing_currency = 'EUR'"
    )
    assert line["amount_value"] == "9"
    (cell,) = raw.rows(
        warehouse,
        "select * from marts.fct_reconciliation"
        f" where provider = 'elevenlabs' and reconciliation_date = date '{BEFORE}'",
    )
    assert (cell["billed_cost_usd"], cell["metered_quantity"]) == (None, 10)


def test_a_day_of_mistral_is_what_it_added_to_its_month(warehouse):
    found = charges(warehouse, "mistral", "charge_date", "sku", "reported_cost_usd")
    assert found == sorted(
        [
            (date(2026, 9, 29), "completion since 2026-09-01", Decimal(40)),
            (date(2026, 9, 30), "completion", Decimal("2.5")),
            (BEFORE, "completion", Decimal(3)),
            (BEFORE, "ocr", Decimal(0)),
            (DAY, "completion", Decimal(9)),
            (DAY, "ocr", Decimal("0.5")),
            (DAY + timedelta(days=3), "completion since 2026-10-03", Decimal("-0.75")),
            (DAY + timedelta(days=3), "ocr since 2026-10-03", Decimal(0)),
        ],
        key=str,
    )


def test_a_day_of_mistral_is_final_once_a_later_day_was_seen(warehouse):
    found = charges(warehouse, "mistral", "charge_date", "is_provisional")
    assert {day for day, is_provisional in found if is_provisional} == {DAY + timedelta(days=3)}


def test_mistrals_one_amount_is_shared_by_list_cost_over_all_models(warehouse):
    shares = raw.rows(
        warehouse,
        "select customer, sum(billed_cost_usd) as usd from marts.fct_attributed_costs"
        f" where provider = 'mistral' and cost_date = date '{DAY}' and token_type = 'tokens' group by 1",
    )
    assert {row["customer"]: row["usd"] for row in shares if row["usd"]} == {
        "acme": Decimal(4),
        "umbra": Decimal(5),
    }


def test_metered_calls_meet_what_was_billed(warehouse):
    found = raw.rows(
        warehouse,
        "select provider, billed_quantity, metered_quantity from marts.fct_reconciliation"
        " where metered_quantity > 0 and provider in ('vercel', 'deepgram', 'together')",
    )
    assert {(row["provider"], row["billed_quantity"], row["metered_quantity"]) for row in found} == {
        ("vercel", 1300, 1300),
        ("deepgram", 5400, 5400),
        ("together", 2_000_000, 2_000_000),
    }


def test_usage_is_disjoint_and_in_single_units(warehouse):
    found = raw.rows(
        warehouse,
        "select provider, model, token_type, quantity from marts.fct_usage"
        " where provider in ('fireworks', 'deepgram') or model = 'anthropic/claude-sonnet-5'",
    )
    assert {tuple(row.values()) for row in found} == {
        ("vercel", "anthropic/claude-sonnet-5", "input", 800),
        ("vercel", "anthropic/claude-sonnet-5", "cache_read", 200),
        ("vercel", "anthropic/claude-sonnet-5", "cache_write_5m", 0),
        ("vercel", "anthropic/claude-sonnet-5", "output", 300),
        ("vercel", "anthropic/claude-sonnet-5", "requests", 12),
        ("fireworks", "glm-5p2", "input", 500),
        ("fireworks", "glm-5p2", "cache_read", 400),
        ("fireworks", None, "accelerator_seconds", 3600),
        ("deepgram", "nova-3", "audio_seconds", 5400),
        ("deepgram", "nova-3", "requests", 12),
    }


def test_a_prepaid_balance_of_xai_is_turned_round(warehouse):
    (found,) = raw.rows(warehouse, "select balance_usd from staging.stg_xai__balance")
    assert found["balance_usd"] == Decimal(25)
