"""PiAPI's tasks and bills in files: exact dollars, what is unknown never 0, and calls that meet their bill."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
MODELS = (
    "fct_charges",
    "focus_costs",
    "fct_bill_versions",
    "fct_usage",
    "fct_transactions",
    "duplicate_events",
    "fct_attributed_costs",
    "fct_reconciliation",
    "fct_gateway_costs",
    "int_piapi__balance_checks",
    "int_deepseek__balances",
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


def task(number, usage, status="finished", usage_type="point", model="flux", **more):
    return {
        "id": str(number),
        "task_id": f"task-{number}",
        "api_key_id": "77",
        "task_model": model,
        "action": "txt2img",
        "status": status,
        "usage": usage,
        "usage_type": usage_type,
        "created_at": f"2026-10-01T10:00:{number:02d}.765122491Z",
        **more,
    }


def balance(usd):
    return {"id": "1234", "equivalent_in_usd": usd}


def line(amount, token_type="input", model="llama-3.3-70b-versatile", **more):
    return {
        "billed_provider": "groq",
        "file": "october.csv",
        "amount_sent": amount,
        "amount": amount,
        "currency": "USD",
        "amount_usd": amount,
        "charge_category": "usage",
        "model": model,
        "token_type_sent": token_type,
        "token_type": token_type,
        "tier": "standard",
        "service": "GroqCloud",
        **more,
    }


LINES = [
    line("0.59", quantity="1000", quantity_unit="1000 Tokens", project="search"),
    line("0.10", "output", quantity="1.5", quantity_unit="1M tokens", project="search"),
    line("0.30", "tokens", "whisper-large", quantity="30", quantity_unit="tokens"),
    line("0.000000000001", None, "mystery", token_type_sent="Mystery", quantity="4", quantity_unit="parsecs"),
    line("-1.25", None, None, charge_category="credit"),
    line("2.00", None, None, charge_category="tax"),
    line("7", "input", "priced-in-euros", currency="EUR", amount_usd=None),
]


def request(number, cost, model="gpt-4o-mini-2024-07-18", provider="openai", **more):
    counts = {"tokens_in": 100, "tokens_out": 20, "success": True, "cached": False}
    stamp = {"id": str(number), "gateway": "main", "created_at": "2026-10-01T09:30:00.123Z"}
    return {**stamp, "provider": provider, "model": model, "cost": cost, **counts, **more}


LOGS = [
    request(1, "0.000000000001"),
    request(2, "0", cached=True),
    request(3, "0", "new-model"),
    request(4, None, "m", "somebody"),
    request(5, "0.5", "claude-haiku-4-5", "anthropic"),
]


def call(number, connection, provider, model, **more):
    return {
        "event_id": f"e{number}",
        "provider": provider,
        "model": model,
        "connection": connection,
        "started_at": raw.after(DAY, 3),
        "received_at": raw.after(DAY, 4),
        "content_hash": str(number),
        "file_url": "f",
        "file_line": number,
        "service_tier": None,
        "is_batch": False,
        "cost_status": "unpriced",
        **more,
    }


TASKS = [
    task(1, "6400000", model="kling"),
    task(2, "0.000001", "Completed"),
    task(3, "1500000", usage_type="LLM", model="gpt-image"),
    task(4, "0", "failed"),
    task(5, "500000", "failed", task_status="Failed", task_meta_usage_consume="0"),
    task(
        6,
        "500000",
        "processing",
        task_status="Processing",
        task_meta_usage_frozen="500000",
        task_meta_usage_consume="0",
        task_meta_started_at="0001-01-01T00:00:00Z",
    ),
    task(7, "500000", "failed"),
    task(8, "12", usage_type="mj", model="midjourney"),
    task(9, "300000", "pending", task_status="Completed", task_meta_usage_consume="300000"),
]


def write(path):
    """Tasks of PiAPI, a bill in files, Cloudflare's logs, DeepSeek's balance, and metered calls."""
    raw.create(path, ("piapi", "file", "cloudflare", "deepseek"))
    raw.add_connections(path, "c-piapi", "c-file", "c-cloudflare", "c-deepseek")
    raw.pull(path, "c-cloudflare", "logs", DAY, LOGS)
    for day, total, paid in ((DAY, "110.00", "100.00"), (date(2026, 10, 2), "150.5", "140.5")):
        row = {
            "currency": "USD",
            "total_balance": total,
            "granted_balance": "10.00",
            "topped_up_balance": paid,
        }
        raw.pull(path, "c-deepseek", "balances", day, [row | {"is_available": True}])
    raw.pull(path, "c-file", "lines", DAY, LINES)
    raw.pull(path, "c-file", "lines", date(2026, 10, 2), [])
    seen_at = datetime(2026, 10, 3, tzinfo=UTC)
    with raw.connect(path) as connection:
        connection.execute(
            "insert into raw_file.files values ('c-file', ?, 'october.csv', 'groq', 9, '2026-10-03T00:00:00+00:00')",
            [seen_at],
        )
    raw.pull(path, "c-piapi", "task_history", DAY, TASKS)
    raw.pull(path, "c-piapi", "account", DAY, [balance("10.0")], raw.after(DAY, 9))
    raw.pull(path, "c-piapi", "account", date(2026, 10, 2), [balance("9.1800000")], raw.after(DAY, 34))
    events = [
        call(1, "name of c-piapi", "piapi", "kling", customer="acme", images=1),
        call(
            2,
            None,
            "piapi",
            "midjourney",
            customer="umbra",
            images=1,
            cost_usd=Decimal("0.07"),
            images_cost_usd=Decimal("0.07"),
            cost_status="priced",
        ),
        call(3, None, "groq", "llama-3.3-70b-versatile", customer="acme", input_tokens=600_000),
        call(4, "name of c-file", "groq", "llama-3.3-70b-versatile", customer="umbra", input_tokens=400_000),
        call(5, None, "groq", "whisper-large", customer="acme", input_tokens=10, output_tokens=5),
        call(6, None, "groq", "whisper-large", customer="umbra", output_tokens=15),
        call(
            7,
            None,
            "groq",
            "priced-in-euros",
            customer="euro",
            input_tokens=5,
            cost_usd=Decimal("0.5"),
            input_cost_usd=Decimal("0.5"),
            cost_status="priced",
        ),
        call(8, None, "cohere", "command", customer="elsewhere", input_tokens=5),
        call(
            9,
            None,
            "groq",
            "llama-3.3-70b-versatile",
            customer="late",
            input_tokens=5,
            started_at=raw.after(date(2026, 10, 2), 3),
        ),
    ]
    raw.load_events(path, events, 1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("tasks") / "warehouse.duckdb"
    write(path)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", *(f"+{model}" for model in MODELS)) == []
    return path


def test_every_identity_holds(warehouse):
    assert raw.dbt(warehouse, "test", "--select", *IDENTITIES) == []


def test_points_are_dollars_to_the_last_digit_and_the_unknown_is_null(warehouse):
    lines = raw.rows(
        warehouse,
        "select task_id, cost_status, amount_usd, held_usd from staging.stg_piapi__task_history order by task_id",
    )
    assert [tuple(line.values()) for line in lines] == [
        ("1", "charged", Decimal("0.64"), None),
        ("2", "charged", Decimal("0.0000000000001").quantize(Decimal("1e-12")), None),
        ("3", "charged", Decimal("0.15"), None),
        ("4", "charged", Decimal(0), None),
        ("5", "charged", Decimal(0), None),
        ("6", "open", None, Decimal("0.05")),
        ("7", "open", None, Decimal("0.05")),
        ("8", "unknown_unit", None, None),
        ("9", "charged", Decimal("0.03"), None),
    ]
    (unknown,) = raw.rows(warehouse, "select * from marts.fct_charges where model = 'midjourney'")
    assert (unknown["reported_cost_usd"], unknown["billed_cost_usd"], unknown["billing_currency"]) == (
        None,
        None,
        "MJ",
    )
    (total,) = raw.rows(
        warehouse,
        "select sum(billed_cost_usd) as usd, count(*) as lines from marts.fct_charges where provider = 'piapi'",
    )
    assert (total["usd"], total["lines"]) == (Decimal("0.82"), 9)


def test_a_line_names_model_and_action_key_and_one_task(warehouse):
    (line,) = raw.rows(warehouse, "select * from marts.fct_charges where model = 'kling'")
    assert (
        line["sku"],
        line["provider_key"],
        line["quantity"],
        line["quantity_unit"],
        line["token_type"],
    ) == (
        "kling/txt2img",
        "77",
        1,
        "tasks",
        "tasks",
    )


def test_a_time_before_all_times_is_unknown_and_nanoseconds_are_read(warehouse):
    (line,) = raw.rows(
        warehouse,
        "select started_at, cast(created_at as varchar) as created_at from staging.stg_piapi__task_history"
        " where task_id = '6'",
    )
    assert (line["started_at"], line["created_at"]) == (None, "2026-10-01 10:00:06.765122+00")


def test_a_task_meets_its_metered_call_and_an_unknown_cost_is_no_bill_of_nothing(warehouse):
    shares = raw.rows(
        warehouse,
        "select customer, billed_cost_usd, estimated_usd from marts.fct_attributed_costs"
        " where customer is not null and provider = 'piapi' order by 1",
    )
    assert [tuple(share.values()) for share in shares] == [
        ("acme", Decimal("0.64"), None),
        ("umbra", None, Decimal("0.07")),
    ]


def test_the_fall_of_the_balance_is_held_against_the_tasks_in_between(warehouse):
    (check,) = raw.rows(warehouse, "select * from intermediate.int_piapi__balance_checks")
    assert (
        check["fall_usd"],
        check["charged_usd"],
        check["difference_usd"],
        check["unknown_task_count"],
    ) == (
        Decimal("0.82"),
        Decimal("0.82"),
        Decimal(0),
        3,
    )


def test_a_bill_in_files_is_under_the_provider_whose_bill_it_is(warehouse):
    lines = raw.rows(
        warehouse,
        "select provider, charge_category, model, token_type, quantity, reported_cost_usd, billing_currency"
        " from marts.fct_charges where connection_id = 'c-file'",
    )
    assert sorted((tuple(line.values()) for line in lines), key=str) == sorted(
        [
            ("groq", "usage", "llama-3.3-70b-versatile", "input", Decimal(1_000_000), Decimal("0.59"), "USD"),
            ("groq", "usage", "llama-3.3-70b-versatile", "output", Decimal(1_500_000), Decimal("0.1"), "USD"),
            ("groq", "usage", "whisper-large", "tokens", Decimal(30), Decimal("0.3"), "USD"),
            ("groq", "usage", "mystery", "unmapped", None, Decimal("0.000000000001"), "USD"),
            ("groq", "credit", None, "unmapped", None, Decimal("-1.25"), "USD"),
            ("groq", "tax", None, "unmapped", None, Decimal(2), "USD"),
            ("groq", "usage", "priced-in-euros", "input", None, None, "EUR"),
        ],
        key=str,
    )
    (euros,) = raw.rows(
        warehouse, "select amount, billing_currency from staging.stg_file__lines where amount_usd is null"
    )
    assert tuple(euros.values()) == (Decimal(7), "EUR")


def test_calls_of_the_billed_provider_meet_the_file_by_provider_and_by_name(warehouse):
    matches = raw.rows(
        warehouse,
        "select event_id, connection_id, connection_match from marts.fct_transactions order by event_id",
    )
    found = {row["event_id"]: (row["connection_id"], row["connection_match"]) for row in matches}
    assert found["e3"] == ("c-file", "only")
    assert found["e4"] == ("c-file", "named")
    assert found["e8"] == (None, "unconnected")


def test_what_the_file_bills_is_shared_by_who_used_it(warehouse):
    shares = raw.rows(
        warehouse,
        "select customer, model, token_type, sum(billed_cost_usd) as billed, sum(estimated_usd) as estimated"
        " from marts.fct_attributed_costs where customer is not null and provider = 'groq' group by all",
    )
    assert sorted((tuple(share.values()) for share in shares), key=str) == sorted(
        [
            ("acme", "llama-3.3-70b-versatile", "input", Decimal("0.354"), None),
            ("umbra", "llama-3.3-70b-versatile", "input", Decimal("0.236"), None),
            ("acme", "whisper-large", "tokens", Decimal("0.15"), None),
            ("umbra", "whisper-large", "tokens", Decimal("0.15"), None),
            ("euro", "priced-in-euros", "input", None, Decimal("0.5")),
            ("late", "llama-3.3-70b-versatile", "input", None, None),
        ],
        key=str,
    )


def test_a_day_that_no_file_tells_of_is_not_billed_at_nothing(warehouse):
    days = raw.rows(
        warehouse,
        "select billing_date from intermediate.int_billing_days__unioned where connection_id = 'c-file'",
    )
    assert [day["billing_date"] for day in days] == [DAY]


def test_a_gateway_estimates_and_bills_nothing(warehouse):
    costs = raw.rows(
        warehouse,
        "select sku, upstream_provider, model, estimated_cost_usd, cost_status from marts.fct_gateway_costs",
    )
    assert sorted((tuple(cost.values()) for cost in costs), key=str) == sorted(
        [
            ("openai/gpt-4o-mini-2024-07-18", "openai", "gpt-4o-mini", Decimal("1e-12"), "estimated"),
            ("openai/gpt-4o-mini-2024-07-18", "openai", "gpt-4o-mini", Decimal(0), "estimated"),
            ("openai/new-model", "openai", "new-model", None, "unpriced"),
            ("somebody/m", None, "m", None, "unpriced"),
            ("anthropic/claude-haiku-4-5", "anthropic", "claude-haiku-4-5", Decimal("0.5"), "estimated"),
        ],
        key=str,
    )
    assert raw.rows(warehouse, "select 1 from marts.fct_charges where connection_id = 'c-cloudflare'") == []
    used = raw.rows(
        warehouse,
        "select token_type, sum(quantity) as quantity from marts.fct_usage"
        " where connection_id = 'c-cloudflare' group by all",
    )
    assert {row["token_type"]: int(row["quantity"]) for row in used} == {
        "input": 400,
        "output": 80,
        "requests": 4,
    }


def test_a_balance_that_rises_by_a_top_up_is_no_spend(warehouse):
    found = raw.rows(
        warehouse,
        "select balance_date, total_balance, total_change, topped_up_change, granted_change"
        " from intermediate.int_deepseek__balances order by 1",
    )
    assert [tuple(row.values()) for row in found] == [
        (DAY, Decimal(110), None, None, None),
        (date(2026, 10, 2), Decimal("150.5"), Decimal("40.5"), Decimal("40.5"), Decimal(0)),
    ]
    for table in (
        "marts.fct_charges",
        "intermediate.int_billing_days__unioned",
        "marts.fct_attributed_costs",
    ):
        assert raw.rows(warehouse, f"select 1 from {table} where connection_id = 'c-deepseek'") == []
