"""Bills as pulled: versions of a day, names in line items, units, tiers; and what must fail loudly."""

import csv
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
CHARGES = ("run", "--select", "+fct_charges", "+int_usage__unioned")


def line(amount, item="gpt-4o, input", **more):
    return {
        "amount_value": amount,
        "amount_currency": "usd",
        "line_item": item,
        "quantity": "10",
        "quantity_unit": "tokens",
        **more,
    }


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Seeds loaded; each test writes days of its own."""
    path = tmp_path_factory.mktemp("bills") / "warehouse.duckdb"
    raw.create(path)
    raw.add_connections(path, "c-openai", "c-anthropic")
    assert raw.dbt(path, "seed") == []
    return path


def charges(path, day, provider="openai"):
    assert raw.dbt(path, *CHARGES) == []
    return raw.rows(
        path,
        f"select * from marts.fct_charges where charge_date = '{day}' and provider = '{provider}'"
        " order by sku, reported_cost_usd",
    )


def test_the_newest_pull_of_a_day_is_what_is_believed(warehouse):
    restated, vanished, emptied, returned = (DAY + timedelta(days=n) for n in range(4))
    a, b = [line("1.5"), line("2", "gpt-4o, output")], [line("1.25"), line("2", "gpt-4o, output")]
    for day, pulls in {
        restated: [a, b, a],
        vanished: [a, a[:1]],
        emptied: [a, []],
        returned: [[], a],
    }.items():
        for hours, content in enumerate(pulls):
            raw.pull(warehouse, "c-openai", "costs", day, content, raw.after(day, 30 + hours))
    assert raw.dbt(warehouse, *CHARGES, "+stg_openai__day_versions") == []
    found = raw.rows(
        warehouse,
        "select charge_date, sum(billed_cost_usd) as usd from marts.fct_charges group by 1 order by 1",
    )
    assert {row["charge_date"]: row["usd"] for row in found} == {
        restated: Decimal("3.5"),
        vanished: Decimal("1.5"),
        returned: Decimal("3.5"),
    }
    versions = raw.rows(
        warehouse,
        f"select * from staging.stg_openai__day_versions where day = '{restated}' order by observed_from",
    )
    assert [(v["observed_from"], v["observed_to"], v["is_current"]) for v in versions] == [
        (raw.after(restated, 30), raw.after(restated, 31), False),
        (raw.after(restated, 31), raw.after(restated, 32), False),
        (raw.after(restated, 32), None, True),
    ]


def test_a_day_is_provisional_until_it_was_seen_after_its_end(warehouse):
    day = date(2026, 10, 11)
    raw.pull(warehouse, "c-openai", "costs", day, [line("1.5")], raw.after(day, 23))
    [charge] = charges(warehouse, day)
    assert (charge["is_provisional"], charge["billed_cost_usd"], charge["reported_cost_usd"]) == (
        True,
        None,
        Decimal("1.5"),
    )
    raw.pull(warehouse, "c-openai", "costs", day, [line("1.5")], raw.after(day, 24))
    [charge] = charges(warehouse, day)
    assert (charge["is_provisional"], charge["billed_cost_usd"]) == (False, Decimal("1.5"))


def test_openai_line_items_name_model_token_type_and_tier_or_stay_unmapped(warehouse):
    day = date(2026, 10, 12)
    cases = {
        "gpt-4o-2024-08-06, input": ("gpt-4o", "input", "standard"),
        "GPT-4o, cached input": ("gpt-4o", "cache_read", "standard"),
        "gpt-5-mini, output_tokens": ("gpt-5-mini", "output", "standard"),
        "gpt-5-mini, cached_input_tokens": ("gpt-5-mini", "cache_read", "standard"),
        "gpt-4o, batch output": ("gpt-4o", "output", "batch"),
        "some model, with comma, audio input": ("some model, with comma", "audio_input", "standard"),
        "gpt-4o, something new": (None, "unmapped", "standard"),
        "evals | gpt-4o, input": (None, "unmapped", "standard"),
        "input_tokens": (None, "unmapped", "standard"),
        "assistants api | file search": (None, "file_search", "standard"),
        "web search tool calls": (None, "web_searches", "standard"),
        "Code interpreter sessions": (None, "code_interpreter", "standard"),
        None: (None, "unmapped", "standard"),
    }
    raw.pull(warehouse, "c-openai", "costs", day, [line("1", item) for item in cases])
    assert {c["sku"]: (c["model"], c["token_type"], c["tier"]) for c in charges(warehouse, day)} == cases


def test_openai_amounts_keep_their_decimals_sign_and_units(warehouse):
    day = date(2026, 10, 13)
    content = [
        line("0.4105000000000000000000", quantity="1.642", quantity_unit="1000_tokens"),
        line("-0.1", None, quantity=None, quantity_unit=None),
        line("2e-7", "x, input", quantity="25", quantity_unit=None),
        line(None, "an empty group", amount_currency=None),
        line("-5", "Promotional credits"),
    ]
    raw.pull(warehouse, "c-openai", "costs", day, content)
    found = {
        c["sku"]: (c["billed_cost_usd"], c["quantity"], c["quantity_unit"], c["charge_category"])
        for c in charges(warehouse, day)
    }
    assert found == {
        "gpt-4o, input": (Decimal("0.4105"), Decimal(1642), "tokens", "usage"),
        None: (Decimal("-0.1"), None, None, "usage"),
        "x, input": (Decimal("0.0000002"), None, None, "usage"),
        "Promotional credits": (Decimal(-5), Decimal(10), "tokens", "credit"),
    }


def test_anthropic_cents_become_dollars_and_its_words_ours(warehouse):
    day = date(2026, 10, 14)
    content = [
        {
            "amount": "123.45",
            "currency": "USD",
            "cost_type": "tokens",
            "description": "A",
            "model": "claude-sonnet-4-5-20250929",
            "token_type": "cache_creation.ephemeral_1h_input_tokens",
            "service_tier": "batch",
            "workspace_id": "w",
        },
        {"amount": "0.0000000001", "currency": "USD", "cost_type": "web_search", "description": "B"},
        {"amount": "5", "currency": "USD", "cost_type": "code_execution", "description": "C"},
        {
            "amount": "7",
            "currency": "USD",
            "cost_type": "unheard_of",
            "description": "D",
            "service_tier": "unheard_of",
        },
        {
            "amount": "270.0",
            "list_amount": "300.0",
            "currency": "USD",
            "cost_type": "tokens",
            "model": "claude-sonnet-4-5-20250929",
            "token_type": "output_tokens",
            "api_key_id": "key of the analytics API",
        },
    ]
    raw.pull(warehouse, "c-anthropic", "cost_report", day, content)
    assert [
        (c["sku"], c["billed_cost_usd"], c["model"], c["token_type"], c["tier"])
        for c in charges(warehouse, day, "anthropic")
    ] == [
        ("A", Decimal("1.2345"), "claude-sonnet-4-5", "cache_write_1h", "batch"),
        ("B", Decimal("0.000000000001"), None, "web_searches", "standard"),
        ("C", Decimal("0.05"), None, "code_execution", "standard"),
        ("D", Decimal("0.07"), None, "unmapped", "unknown"),
        (
            "claude-sonnet-4-5-20250929/output_tokens",
            Decimal("2.7"),
            "claude-sonnet-4-5",
            "output",
            "standard",
        ),
    ]
    keyed = "select provider_key, billed_cost_usd from marts.fct_charges where provider_key is not null"
    assert [tuple(row.values()) for row in raw.rows(warehouse, f"{keyed} and provider = 'anthropic'")] == [
        ("key of the analytics API", Decimal("2.7"))
    ]


def test_a_table_that_an_older_release_filled_has_null_in_columns_declared_since(warehouse):
    day = date(2026, 10, 17)
    raw.pull(warehouse, "c-anthropic", "cost_report", day, [{"amount": "250", "currency": "USD"}])
    newer = ("api_key_id", "list_amount")
    with raw.connect(warehouse) as connection:
        for column in newer:
            connection.execute(f"alter table raw_anthropic.cost_report drop column {column}")
    assert raw.dbt(warehouse, "run", "--select", "+stg_anthropic__cost_report") == []
    [staged] = raw.rows(
        warehouse, f"select * from staging.stg_anthropic__cost_report where charge_date = '{day}'"
    )
    assert (staged["amount_usd"], staged["api_key_id"], staged["list_usd"]) == (Decimal("2.5"), None, None)
    with raw.connect(warehouse) as connection:
        for column in newer:
            connection.execute(f"alter table raw_anthropic.cost_report add column {column} varchar")


def test_anthropic_hours_add_up_to_the_day_by_key_and_take_the_place_of_what_the_older_api_said(warehouse):
    day = date(2026, 10, 18)
    whole = {"model": "claude-sonnet-4-5-20250929", "service_tier": "batch", "api_key_id": "k1"}
    hours = [
        {"starting_at": f"{day}T{hour:02}:00:00Z", "output_tokens": 5 + hour, "requests": 2, **whole}
        for hour in (0, 23)
    ]
    other = {"starting_at": f"{day}T07:00:00Z", "uncached_input_tokens": 9, "requests": 1, "api_key_id": "k2"}
    legacy = {"output_tokens": 33, "uncached_input_tokens": 9, "context_window": "0-200k", **whole}
    for seen, content in enumerate(([legacy], [*hours, other])):
        raw.pull(warehouse, "c-anthropic", "usage_report_messages", day, content, raw.after(day, 30 + seen))
    assert raw.dbt(warehouse, "run", "--select", "+int_anthropic__usage") == []
    found = raw.rows(warehouse, f"select * from intermediate.int_anthropic__usage where usage_date = '{day}'")
    assert {(u["provider_key"], u["tier"], u["token_type"]): int(u["quantity"]) for u in found} == {
        ("k1", "batch", "output"): 33,
        ("k1", "batch", "requests"): 4,
        ("k2", "standard", "input"): 9,
        ("k2", "standard", "requests"): 1,
    }
    assert len({u["usage_id"] for u in found}) == 4
    started = (
        f"select hour_started_at from staging.stg_anthropic__usage_report_messages where usage_date = '{day}'"
    )
    assert {row["hour_started_at"] for row in raw.rows(warehouse, started)} == {
        raw.after(day, hour) for hour in (0, 7, 23)
    }


def test_the_estimate_of_claude_code_is_staged_whole_and_billed_nowhere(warehouse):
    day = date(2026, 10, 19)
    used = {"actor_type": "user_actor", "actor_email_address": "dev@example.com", "customer_type": "api"}
    content = [
        {"estimated_cost_amount": "84.675", "estimated_cost_currency": "USD", "tokens_input": 100, **used},
        {"estimated_cost_amount": "0.0000000001", "estimated_cost_currency": "usd", **used},
        {"estimated_cost_amount": "7", "estimated_cost_currency": "EUR", **used},
    ]
    raw.pull(warehouse, "c-anthropic", "usage_report_claude_code", day, content)
    assert raw.dbt(warehouse, *CHARGES, "stg_anthropic__usage_report_claude_code") == []
    staged = raw.rows(
        warehouse, "select * from staging.stg_anthropic__usage_report_claude_code order by estimated_usd"
    )
    assert [row["estimated_usd"] for row in staged] == [Decimal("0.000000000001"), Decimal("0.84675"), None]
    assert {(row["user_email"], row["usage_date"]) for row in staged} == {("dev@example.com", day)}
    for table in ("marts.fct_charges where charge_date", "intermediate.int_usage__unioned where usage_date"):
        assert raw.rows(warehouse, f"select * from {table} = '{day}'") == []


def test_openai_usage_counts_every_token_once(warehouse):
    day = date(2026, 10, 15)
    documented = {
        "input_tokens": 1000,
        "input_cached_tokens": 400,
        "input_cache_write_tokens": 100,
        "input_uncached_tokens": 500,
        "output_tokens": 500,
        "input_audio_tokens": 50,
        "input_image_tokens": 50,
        "output_audio_tokens": 50,
        "output_image_tokens": 50,
        "num_model_requests": 5,
        "model": "gpt-4o",
        "service_tier": "default",
        "batch": False,
    }
    sparse = {
        "input_tokens": 70,
        "input_cached_tokens": 20,
        "output_tokens": 7,
        "num_model_requests": 1,
        "model": "bare",
        "batch": True,
    }
    raw.pull(warehouse, "c-openai", "usage_completions", day, [documented, sparse])
    assert raw.dbt(warehouse, *CHARGES) == []
    found = raw.rows(warehouse, f"select * from intermediate.int_usage__unioned where usage_date = '{day}'")
    assert {row["token_type"]: int(row["quantity"]) for row in found if row["model"] == "gpt-4o"} == {
        "input": 400,
        "cache_read": 400,
        "cache_write_5m": 100,
        "audio_input": 50,
        "image_input": 50,
        "output": 400,
        "audio_output": 50,
        "image_output": 50,
        "requests": 5,
    }
    assert {row["token_type"]: int(row["quantity"]) for row in found if row["tier"] == "batch"} == {
        "input": 50,
        "cache_read": 20,
        "output": 7,
        "requests": 1,
    }


def test_model_names_become_canonical_by_the_one_rule(warehouse):
    day = date(2026, 10, 16)
    with (raw.PROJECT / "seeds/model_aliases.csv").open() as file:
        aliases = {row["alias"]: row["model"] for row in csv.DictReader(file) if row["provider"] == "openai"}
    dated = [f"{alias}-{suffix}" for alias in list(aliases)[::9] for suffix in ("2026-01-31", "20260131")]
    odd = [
        " GPT-4o ",
        "gpt-4o-2026-1-31",
        "gpt-4o-202601311",
        "20260131",
        "gpt-4o-2026-01-31-preview",
        "unheard-of-20260131",
    ]
    names = [name for name in [*aliases, *dated, *odd] if "|" not in name]

    def canonical(name):
        lowered = name.strip().lower()
        undated = re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{8})$", "", lowered)
        return aliases.get(lowered) or aliases.get(undated) or lowered

    raw.pull(warehouse, "c-openai", "costs", day, [line("1", f"{name}, input") for name in names])
    found = {c["sku"]: c["model"] for c in charges(warehouse, day)}
    assert found == {f"{name}, input": canonical(name) for name in names}
    assert len(names) > 30


@pytest.mark.parametrize(
    ("mend", "test"),
    [
        ({"amount_value": "1,50"}, "not_null_stg_openai__costs_amount_usd"),
        ({"amount_currency": "eur"}, "accepted_values_stg_openai__costs_billing_currency__USD"),
        ({"amount_currency": None}, "not_null_stg_openai__costs_billing_currency"),
        ({"quantity": "many"}, "billed_quantities_are_understood"),
        ({"quantity_unit": "fathoms"}, "billed_quantities_are_understood"),
    ],
)
def test_a_bill_that_is_not_understood_is_reported_by_a_test_of_its_own(tmp_path, mend, test):
    path = tmp_path / "warehouse.duckdb"
    raw.create(path)
    raw.add_connections(path, "c-openai")
    raw.pull(path, "c-openai", "costs", DAY, [line("1"), {**line("1"), **mend}])
    failed = raw.dbt(path, "build", "--select", "billed_token_types", "quantity_units", "stg_openai__costs")
    assert test in failed


def test_a_removed_connection_leaves_the_marts_so_that_its_account_is_not_billed_twice(warehouse):
    day = DAY + timedelta(days=300)
    for connection in ("c-openai", "c-openai-2"):
        raw.pull(warehouse, connection, "costs", day, [line("1.5")], raw.after(day))
    assert [row["billed_cost_usd"] for row in charges(warehouse, day)] == [Decimal("1.5")]
