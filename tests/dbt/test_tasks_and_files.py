"""PiAPI's tasks in the marts: points become dollars to the last digit, and what is unknown is never 0."""

from datetime import date
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)
MODELS = (
    "fct_charges",
    "fct_usage",
    "fct_transactions",
    "fct_attributed_costs",
    "fct_reconciliation",
    "fct_gateway_costs",
    "int_piapi__balance_checks",
)
IDENTITIES = (
    "money_in_equals_money_out",
    "attribution_sums_to_the_bill",
    "variance_adds_up",
    "every_event_counts_once",
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


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("tasks") / "warehouse.duckdb"
    raw.create(path, ("piapi",))
    raw.add_connections(path, "c-piapi")
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
    ]
    raw.load_events(path, events, 1)
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
        warehouse, "select sum(billed_cost_usd) as usd, count(*) as lines from marts.fct_charges"
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
        " where customer is not null order by 1",
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
