"""Anthropic against its contract page: every example loads, exactly; money stays in cents, as sent."""

from datetime import date
from decimal import Decimal

import pytest

from dlt_sources.contract import Fault, ProviderError
from tests.dlt_sources.fake_provider import payload
from tests.dlt_sources.warehouse import fetch, window

COSTS = "/v1/organizations/cost_report"
USAGE = "/v1/organizations/usage_report/messages"


def test_every_example_payload_loads_to_the_cent_and_token(fake, warehouse, anthropic_provider):
    fake.put_example(COSTS, "anthropic_cost_report_page1.json")
    fake.put_example(COSTS, "anthropic_cost_report_page2.json")
    fake.put_example(USAGE, "anthropic_usage_report_messages.json")
    fake.lists["/v1/organizations/workspaces"] = payload("anthropic_workspaces.json")["data"]
    fake.lists["/v1/organizations/api_keys"] = [
        {
            "id": "apikey_01",
            "name": "prod",
            "scope": {"type": "workspace", "workspace_id": "wrkspc_01"},
            "status": "active",
        }
    ]
    warehouse.pull(anthropic_provider, fake, window("2026-10-01", 2))

    assert warehouse.money("anthropic", "cost_report", "amount") == Decimal("838.28912")
    assert ("123.78912", "USD") in warehouse.current("anthropic", "cost_report", "amount, currency")
    totals = """sum(uncached_input_tokens), sum(cache_read_input_tokens), sum(output_tokens),
        sum(cache_creation_ephemeral_5m_input_tokens), sum(cache_creation_ephemeral_1h_input_tokens),
        sum(server_tool_use_web_search_requests)"""
    assert warehouse.current("anthropic", "usage_report_messages", totals) == [
        (2325261, 2000000, 250000, 100000, 0, 12)
    ]
    nulls = "count(*) filter (workspace_id is null), count(*) filter (api_key_id is null)"
    assert warehouse.current("anthropic", "usage_report_messages", nulls) == [(1, 1)]
    assert warehouse.ask("select name, tags ->> 'cost_center' from raw_anthropic.workspaces") == [
        ("Search", "cc-42")
    ]
    assert warehouse.ask("select name, workspace_id from raw_anthropic.api_keys") == [("prod", "wrkspc_01")]
    assert warehouse.ask(
        "select day, row_count from raw_anthropic.pulled_days where report = 'cost_report' order by 1"
    ) == [
        (date(2026, 10, 1), 7),
        (date(2026, 10, 2), 0),
    ]


def test_requests_carry_both_groupings_and_end_at_the_next_midnight(fake, anthropic_provider):
    pulled = fetch(anthropic_provider, "cost_report", fake, window("2026-10-19", 4))
    (query,) = fake.asked(COSTS)
    assert query["starting_at"] == ["2026-10-19T00:00:00Z"]
    assert query["ending_at"] == ["2026-10-21T00:00:00Z"]
    assert query["group_by[]"] == ["workspace_id", "description"]
    assert [day.day for day in pulled] == [date(2026, 10, 19), date(2026, 10, 20)]


def test_a_window_longer_than_a_page_is_pulled_whole(fake, anthropic_provider):
    days = window("2026-07-01", 100)
    fake.buckets[COSTS] = {day: [{"amount": str(n), "currency": "USD"}] for n, day in enumerate(days.days)}
    pulled = fetch(anthropic_provider, "cost_report", fake, days)
    assert [day.rows[0]["amount"] for day in pulled] == [str(n) for n in range(100)]
    assert len(fake.asked(COSTS)) == 4


@pytest.mark.parametrize("line", [{"amount": "5", "currency": None}, {"amount": "5"}, {"currency": "USD"}])
def test_a_line_of_the_bill_without_amount_or_currency_stops_the_pull(fake, anthropic_provider, line):
    fake.buckets[COSTS][date(2026, 10, 1)] = [line]
    with pytest.raises(ProviderError, match=r"no (amount|currency)") as caught:
        fetch(anthropic_provider, "cost_report", fake)
    assert caught.value.fault is Fault.CONTRACT
