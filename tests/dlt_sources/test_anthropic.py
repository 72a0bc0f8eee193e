"""Anthropic against its contract page: every example loads, exactly; money stays in cents, as sent."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from dlt_sources.contract import Fault, ProviderError
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import credentials_for, fetch, window

ANALYTICS = "/v1/organizations/analytics/cost"
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


def cost(amount, day="2026-10-01", **group):
    known = {"model": "claude-sonnet-5", "cost_type": "tokens", "token_type": "output_tokens", "actor": None}
    money = {"amount": amount, "list_amount": "300.0", "currency": "USD", "requests": None}
    return {"starting_at": f"{day}T00:00:00Z", "group": known | group, "cost": money}


def analytics_page(*rows, cursor=None, refreshed="2026-10-20T08:00:00Z"):
    more = {"has_more": cursor is not None, "next_page": cursor, "data_refreshed_at": refreshed}
    return Answer(body={"data": list(rows), **more})


def analytics(provider, fake):
    form = credentials_for(provider, fake).model_copy(update={"cost_api": "analytics"})
    return SimpleNamespace(credentials=lambda key: form)


def test_the_newer_api_tells_cost_by_key_and_list_price_and_a_day_goes_on_on_the_next_page(
    fake, anthropic_provider
):
    fake.lists["/v1/organizations/workspaces"] = [{"id": "wrkspc_named"}]
    example = payload("anthropic_analytics_cost.json")["data"]
    fake.faults[ANALYTICS] = [
        analytics_page(*example, cost("12.345", workspace_id="wrkspc_named", api_key_id="k1"), cursor="p2"),
        analytics_page(cost("0.00001", workspace_id="wrkspc_default"), cost("7", "2026-10-20")),
    ]
    pulled = fetch(
        anthropic_provider, "cost_report", analytics(anthropic_provider, fake), window("2026-10-19", 3)
    )
    rows = {day.day: list(day.rows) for day in pulled}
    first = rows[date(2026, 10, 1)]
    expected = [Decimal(one["cost"]["amount"]) for one in example] + [Decimal("12.345"), Decimal("0.00001")]
    assert [Decimal(row["amount"]) for row in first] == expected
    assert first[0]["list_amount"] == example[0]["cost"]["list_amount"]
    assert first[0]["api_key_id"] == example[0]["group"]["api_key_id"]
    found = [(row["workspace_id"], row["sent_workspace_id"], row["api_key_id"]) for row in first[-2:]]
    assert found == [("wrkspc_named", "wrkspc_named", "k1"), (None, "wrkspc_default", None)]
    query = fake.asked(ANALYTICS)[0]
    assert query["starting_at"] == ["2026-09-20T00:00:00Z"]
    assert len(query["group_by[]"]) == 7
    assert (min(rows), max(rows)) == (date(2026, 9, 20), date(2026, 10, 20))


def test_a_day_that_ended_behind_the_watermark_is_left_out_until_it_is_complete(fake, anthropic_provider):
    fake.faults[ANALYTICS] = [analytics_page(refreshed="2026-10-18T20:00:00Z")]
    pulled = fetch(
        anthropic_provider, "cost_report", analytics(anthropic_provider, fake), window("2026-10-16", 6)
    )
    days = [day.day.day for day in pulled if day.day >= date(2026, 10, 16)]
    assert days == [16, 17, 20]


@pytest.mark.parametrize("line", [{"amount": "5", "currency": None}, {"amount": "5"}, {"currency": "USD"}])
def test_a_line_of_the_bill_without_amount_or_currency_stops_the_pull(fake, anthropic_provider, line):
    fake.buckets[COSTS][date(2026, 10, 1)] = [line]
    with pytest.raises(ProviderError, match=r"no (amount|currency)") as caught:
        fetch(anthropic_provider, "cost_report", fake)
    assert caught.value.fault is Fault.CONTRACT
