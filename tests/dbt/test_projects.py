"""Projects in cells: a bill is split by project only where the bill and every event know the same ones."""

from datetime import date
from decimal import Decimal

import pytest

from tests.dbt import raw

DAY = date(2026, 10, 1)


def line(project, amount, model="gpt-4o"):
    return {
        "amount_value": amount,
        "amount_currency": "usd",
        "line_item": f"{model}, input",
        "project_id": project,
        "quantity": "10",
        "quantity_unit": "tokens",
    }


def event(number, project, model="gpt-4o"):
    return {
        "event_id": f"e{number}",
        "provider": "openai",
        "model": model,
        "provider_project": project,
        "customer": f"customer {number}",
        "started_at": raw.after(DAY, 1),
        "received_at": raw.after(DAY, 1),
        "content_hash": str(number),
        "file_url": "f",
        "file_line": number,
        "input_tokens": 10,
        "cost_status": "unpriced",
    }


@pytest.fixture(scope="module")
def attributed(tmp_path_factory):
    """USD by customer; None is what nobody is charged."""
    path = tmp_path_factory.mktemp("projects") / "warehouse.duckdb"
    raw.create(path)
    raw.add_connections(path, "c-openai")
    with raw.connect(path) as connection:
        connection.execute(
            "insert into raw_openai.projects (connection_id, id, name) values ('c-openai', 'p1', 'Checkout')"
        )
    bill = [line("p1", "5"), line("p1", "7", "gpt-4o-mini"), line("p2", "9", "gpt-4o-mini")]
    raw.pull(path, "c-openai", "costs", DAY, bill)
    raw.load_events(path, [event(1, "Checkout"), *(event(n, f"p{n - 1}", "gpt-4o-mini") for n in (2, 3))], 1)
    assert raw.dbt(path, "seed") == []
    assert raw.dbt(path, "run", "--select", "+fct_attributed_costs") == []
    found = raw.rows(
        path, "select customer, sum(billed_cost_usd) as usd from marts.fct_attributed_costs group by 1"
    )
    return {row["customer"]: row["usd"] for row in found if row["usd"]}


def test_an_event_whose_project_the_bill_calls_otherwise_pays_its_share_all_the_same(attributed):
    assert attributed["customer 1"] == Decimal(5)


def test_projects_that_the_bill_knows_pay_their_own_lines(attributed):
    assert (attributed["customer 2"], attributed["customer 3"]) == (Decimal(7), Decimal(9))
    assert None not in attributed
