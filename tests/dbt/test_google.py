"""Google's bill as pulled: SKUs read word by word, credits and currencies, units, late lines; tokens; metered calls."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
CONNECTION = "c-google"
INPUT = "Gemini 2.5 Pro Text Input - Predictions"
FLASH = "gemini-2.5-flash"
SKUS = {
    "Gemini 2.5 Flash GA Text Input - Predictions": (FLASH, "input", "standard", "short", None),
    "Gemini 3.8 Flash Global Text Input Priority - Predictions": (
        "gemini-3.8-flash", "input", "priority", "short", "global",
    ),
    "Gemini 2.5 Flash GA Thinking Text Output - Predictions": (FLASH, "output", "standard", "short", None),
    "Gemini 2.5 Pro Input Text Caching (Long)": ("gemini-2.5-pro", "cache_read", "standard", "long", None),
    "Gemini 3 Flash Text Input Caching Storage": (
        "gemini-3-flash-preview", "cache_storage", "standard", "short", None,
    ),
    "Gemini 2.5 Pro Text Output - Batch Predictions": ("gemini-2.5-pro", "output", "batch", "short", None),
    "Generate content input token count gemini 2.5 flash short input text": (
        FLASH, "input", "standard", "short", None,
    ),
    "Generate content cached input token count gemini 2.5 flash input image": (
        FLASH, "cache_read", "standard", "short", None,
    ),
    "Generate content output token count Gemini 2.5 Pro long output text": (
        "gemini-2.5-pro", "output", "standard", "long", None,
    ),
    "GenerateContent text output token count for Gemini 2.0 Flash": (
        "gemini-2.0-flash", "output", "standard", "short", None,
    ),
    "EmbedContent input token count for gemini-embedding-2 text": (
        "gemini-embedding-2", "input", "standard", "short", None,
    ),
    "Generate content input token count gemini 3.7 flash image flex caching": (
        "gemini-3.7-flash", "cache_read", "flex", "short", None,
    ),
    "Cached content storage token hours": (None, "cache_storage", "standard", "short", None),
    "Grounding with Google Search": (None, "web_searches", "standard", "short", None),
    "Gemini 3 Flash Text Input - Predictions": (
        "gemini-3-flash-preview", "input", "standard", "short", None,
    ),
    "Gemini 2.5 Flash Lite Audio Input - Predictions": (
        "gemini-2.5-flash-lite", "audio_input", "standard", "short", None,
    ),
    "Gemini 2.5 Flash Video Input - Predictions": (FLASH, "video_input", "standard", "short", None),
    "Gemini 2.5 Flash Image Output - Predictions": (FLASH, "image_output", "standard", "short", None),
    "Claude Sonnet 4.5 Input Tokens": ("claude-sonnet-4-5", "input", "standard", "short", None),
    "Claude Sonnet 4.5 Cache Write 1h Tokens": (
        "claude-sonnet-4-5", "cache_write_1h", "standard", "short", None,
    ),
    "Mystery 7 Text Input - Predictions": (None, "unmapped", "standard", "short", None),
    "Vertex AI: Training Node Hours": (None, "unmapped", "standard", "short", None),
}  # fmt: skip


def write(path, empty_home=None):
    """Days of all tests."""
    raw.create(path, ("google",), empty_home)
    raw.add_connections(path, CONNECTION)
    for day, lines in BILLS.items():
        raw.pull(path, CONNECTION, "costs", day, lines)
    raw.pull(path, CONNECTION, "token_metrics", COUNTED, COUNTS)
    restated = [line("1"), line("2", cost_type="adjustment")]
    raw.pull(path, CONNECTION, "costs", RESTATED, restated, raw.after(RESTATED, 72))
    raw.load_events(path, METERED, 1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, empty_home):
    path = tmp_path_factory.mktemp("google") / "warehouse.duckdb"
    write(path, empty_home)
    assert raw.build(path) == []
    return path


def line(amount, sku=INPUT, quantity="1000", **more):
    return {
        "is_credit": False,
        "amount": amount,
        "currency": "USD",
        "currency_conversion_rate": "1.0",
        "cost_type": "regular",
        "service_description": "Vertex AI",
        "sku_description": sku,
        "project_id": "ml-prod",
        "usage_amount": quantity,
        "usage_unit": "count",
        "usage_amount_in_pricing_units": quantity,
        "usage_pricing_unit": "count",
        "invoice_month": "202610",
        "labels": "[]",
    } | more


def credit(amount, name="Trial", **more):
    none = dict.fromkeys(
        ("usage_amount", "usage_unit", "usage_amount_in_pricing_units", "usage_pricing_unit")
    )
    given = {"is_credit": True, "credit_type": "PROMOTION", "credit_full_name": name}
    return line(amount) | none | given | more


def label(slug):
    return f'[{{"key":"team","value":"a"}},{{"key":"goog-generativelanguage-model","value":"{slug}"}}]'


def counted(project, model, direction, value, hour="01"):
    start = f"2026-10-06T{hour}:00:00Z"
    return {
        "project_id": project,
        "model_user_id": model,
        "type": direction,
        "start_time": start,
        "value": value,
    }


CATEGORIES, CURRENCIES, UNITS, LABELS, COUNTED, RESTATED, MET = (DAY + timedelta(days=n) for n in range(1, 8))
BILLS = {
    DAY: [line("1", sku) for sku in SKUS],
    CATEGORIES: [
        line("12.345600000001"), line("1.5e-07"), line("-0.25"), credit("-2.0000000001"), credit("-1", "CUD"),
        line("0.75", "Tax", cost_type="tax", project_id=None), line("3", cost_type="adjustment"),
        line("-0.01", None, cost_type="rounding_error", project_id=None),
    ],
    CURRENCIES: [
        line("92.13", currency="EUR", currency_conversion_rate="0.9213"),
        line("1", currency="EUR", currency_conversion_rate="3"),
        credit("-1", currency="EUR", currency_conversion_rate="3"),
        line("0.1", currency="JPY", currency_conversion_rate="149.123456"),
    ],
    UNITS: [
        line("1", "Gemini 2.5 Pro Text Input A", "1234567.0"),
        line("1", "Gemini 2.5 Pro Text Input B", "5", usage_unit="requests", usage_pricing_unit="requests"),
        line("1", "Gemini 2.5 Pro Text Input C", "9", usage_pricing_unit="thousands"),
        line("1", "Gemini 2.5 Pro Text Input D", "9", usage_unit="h", usage_pricing_unit="h"),
        line("1", "Cached content storage token hours", "7.5", usage_unit="h", usage_pricing_unit="h"),
        line("1", "Grounding with Google Search", "3"),
        line("1", "Provisioned Throughput Gemini 2.5 Pro", "1", usage_unit="mo", usage_pricing_unit="mo"),
    ],
    LABELS: [
        line("1", "Some Text Input", labels=label("gemini35flash")),
        line("2", "Some Text Input", labels=label("gemini25flashlite")),
        line("3", "Gemini 2.5 Pro Text Output", labels=label("gemini3pro")),
        line("4", "Gemini 2.5 Pro Text Output", system_labels=label("robot7")),
        line("5", "Another Text Input", labels=label("robot7")),
    ],
    COUNTED: [line("1", "Gemini 2.5 Pro Text Input", "100")],
    RESTATED: [line("5")],
    MET: [line("0.003", "Gemini 2.5 Pro Text Input", "1500"), line("0.01", "Grounding with Google Search", "2")],
}  # fmt: skip
COUNTS = [
    counted("ml-prod", "gemini-2.5-pro", "input", 100),
    counted("ml-dev", "gemini-2.5-pro", "input", 20),
    counted("ml-dev", "gemini-2.5-pro", "input", 3, "23"),
    counted("ml-dev", "claude-sonnet-4-5@20250929", "output", 4),
]
METERED = [
    {
        "event_id": f"e{n}",
        "provider": "google",
        "model": model,
        "canonical_model": "gemini-2.5-pro",
        "customer": customer,
        "started_at": raw.after(MET, 1),
        "received_at": raw.after(MET, 1),
        "content_hash": str(n),
        "file_url": "f",
        "file_line": n,
        "input_tokens": 500,
        "web_searches": searches,
        "cost_status": "unpriced",
    }
    for n, (model, customer, searches) in enumerate(
        [
            ("gemini-2.5-pro", "acme", 2),
            ("publishers/google/models/gemini-2.5-pro", "acme", 0),
            ("models/gemini-2.5-pro", "globex", 0),
        ]
    )
]


def charges(path, day):
    return raw.rows(
        path, f"select * from marts.fct_charges where charge_date = '{day}' order by sku, reported_cost_usd"
    )


def test_every_sku_says_its_model_token_type_tier_context_and_routing_or_stays_visible(warehouse):
    found = charges(warehouse, DAY)
    assert {c["sku"]: (c["model"], c["token_type"], c["tier"]) for c in found} == {
        sku: said[:3] for sku, said in SKUS.items()
    }
    assert sum(c["billed_cost_usd"] for c in found) == len(SKUS)
    assert {(c["provider_project"], c["service_name"]) for c in found} == {("ml-prod", "Vertex AI")}
    skus = raw.rows(warehouse, "select * from intermediate.int_google__skus")
    said = {s["sku_description"]: (s["context_window"], s["routing"]) for s in skus}
    assert {sku: said[sku] for sku in SKUS} == {sku: told[3:] for sku, told in SKUS.items()}


def test_credits_taxes_and_adjustments_are_charges_of_their_own_and_the_net_is_exact(warehouse):
    found = charges(warehouse, CATEGORIES)
    by_category = {}
    for charge in found:
        key = charge["charge_category"]
        by_category[key] = by_category.get(key, 0) + charge["billed_cost_usd"]
    assert by_category == {
        "usage": Decimal("12.095600150001"),
        "credit": Decimal("-3.0000000001"),
        "tax": Decimal("0.75"),
        "adjustment": Decimal("2.99"),
    }
    credited = {c["sku"]: (c["model"], c["quantity"]) for c in found if c["charge_category"] == "credit"}
    assert credited == {"Trial": ("gemini-2.5-pro", None), "CUD": ("gemini-2.5-pro", None)}
    assert [c["provider_project"] for c in found].count(None) == 2


def test_another_currency_becomes_dollars_by_its_own_rate_exactly_and_is_kept(warehouse):
    found = {
        (row["amount_value"], row["billing_currency"]): row["amount_usd"]
        for row in raw.rows(
            warehouse, f"select * from staging.stg_google__costs where charge_date = '{CURRENCIES}'"
        )
    }
    assert found == {
        ("92.13", "EUR"): Decimal(100),
        ("1", "EUR"): Decimal("0.333333333333"),
        ("-1", "EUR"): Decimal("-0.333333333333"),
        ("0.1", "JPY"): (Decimal("0.1") / Decimal("149.123456")).quantize(Decimal("1e-12")),
    }
    assert {c["billing_currency"] for c in charges(warehouse, CURRENCIES)} == {"EUR", "JPY"}


def test_quantities_are_known_where_the_unit_fits_the_kind_of_sku(warehouse):
    found = {c["sku"]: (c["quantity"], c["quantity_unit"]) for c in charges(warehouse, UNITS)}
    assert found == {
        "Gemini 2.5 Pro Text Input A": (Decimal(1234567), "tokens"),
        "Gemini 2.5 Pro Text Input B": (Decimal(5), "tokens"),
        "Gemini 2.5 Pro Text Input C": (Decimal(9), "tokens"),
        "Gemini 2.5 Pro Text Input D": (None, None),
        "Cached content storage token hours": (Decimal("7.5"), "token_hours"),
        "Grounding with Google Search": (Decimal(3), "searches"),
        "Provisioned Throughput Gemini 2.5 Pro": (Decimal(1), "months"),
    }


def test_the_label_of_the_gemini_api_names_the_model_before_the_sku_does(warehouse):
    found = {int(c["billed_cost_usd"]): (c["model"], c["token_type"]) for c in charges(warehouse, LABELS)}
    assert found == {
        1: ("gemini-3.5-flash", "input"),
        2: ("gemini-2.5-flash-lite", "input"),
        3: ("gemini-3-pro-preview", "output"),
        4: ("gemini-2.5-pro", "output"),
        5: ("robot7", "input"),
    }


def test_tokens_that_monitoring_counted_stand_in_where_the_bill_tells_none(warehouse):
    found = raw.rows(warehouse, f"select * from marts.fct_usage where usage_date = '{COUNTED}'")
    assert {
        (u["provider_project"], u["model"], u["token_type"], u["tier"]): u["quantity"] for u in found
    } == {
        ("ml-prod", "gemini-2.5-pro", "input", "standard"): 100,
        ("ml-dev", "gemini-2.5-pro", "input_gross", "unknown"): 23,
        ("ml-dev", "claude-sonnet-4-5", "output", "unknown"): 4,
    }


def test_a_restated_day_counts_as_last_seen(warehouse):
    assert {c["charge_category"]: c["billed_cost_usd"] for c in charges(warehouse, RESTATED)} == {
        "usage": 1,
        "adjustment": 2,
    }


def test_metered_calls_meet_the_bill_whichever_way_they_name_the_model(warehouse):
    shares = raw.rows(
        warehouse,
        "select customer, token_type, sum(billed_cost_usd) as usd from marts.fct_attributed_costs"
        f" where cost_date = '{MET}' and billed_cost_usd <> 0 group by all",
    )
    assert {(s["customer"], s["token_type"]): s["usd"] for s in shares} == {
        ("acme", "input"): Decimal("0.002"),
        ("globex", "input"): Decimal("0.001"),
        ("acme", "web_searches"): Decimal("0.01"),
    }
