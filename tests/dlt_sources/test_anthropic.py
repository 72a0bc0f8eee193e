"""Anthropic against its contract page: every example loads, exactly; money stays in cents, as sent."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.anthropic.small import small_server
from sandbox.faults import EndlessPaging
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import credentials_for, fetch, window

ANALYTICS = "/v1/organizations/analytics/cost"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"
CLAUDE_CODE = "/v1/organizations/usage_report/claude_code"
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
    start, end = f"{day}T00:00:00Z", f"{date.fromisoformat(day) + timedelta(days=1)}T00:00:00Z"
    return {"starting_at": start, "ending_at": end, "group": known | group, "cost": money}


def used(hour, day="2026-10-01", width=1, **group):
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(hours=hour)
    usage = {"uncached_input_tokens": 7, "output_tokens": 0, "total_tokens": 7, "requests": 2}
    bounds = {"starting_at": start.isoformat(), "ending_at": (start + timedelta(hours=width)).isoformat()}
    return bounds | {"group": {"model": "claude-sonnet-5", "actor": None} | group, "usage": usage}


def analytics_page(*rows, cursor=None, refreshed="2026-10-20T08:00:00Z"):
    more = {"has_more": cursor is not None, "next_page": cursor, "data_refreshed_at": refreshed}
    return Answer(body={"data": list(rows), **more})


def choosing(provider, fake, **choices):
    form = credentials_for(provider, fake).model_copy(update=choices)
    return SimpleNamespace(credentials=lambda key: form)


def analytics(provider, fake):
    return choosing(provider, fake, cost_api="analytics", usage_api="analytics")


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


def test_the_newer_api_tells_usage_by_key_and_hour_over_pages_of_rows(fake, anthropic_provider):
    fake.lists["/v1/organizations/workspaces"] = [{"id": "wrkspc_named"}]
    fake.faults[ANALYTICS_USAGE] = [
        analytics_page(used(0, workspace_id="wrkspc_default"), used(9, api_key_id="k1"), cursor="p2"),
        analytics_page(
            used(9, api_key_id="k2"), used(23, workspace_id="wrkspc_named"), used(0, "2026-10-20")
        ),
    ]
    form = analytics(anthropic_provider, fake)
    pulled = fetch(anthropic_provider, "usage_report_messages", form, window("2026-10-19", 3))
    rows = {day.day: list(day.rows) for day in pulled}
    names = ("starting_at", "api_key_id", "workspace_id", "sent_workspace_id", "requests", "total_tokens")
    assert [tuple(row[name] for name in names) for row in rows[date(2026, 10, 1)]] == [
        ("2026-10-01T00:00:00+00:00", None, None, "wrkspc_default", 2, 7),
        ("2026-10-01T09:00:00+00:00", "k1", None, None, 2, 7),
        ("2026-10-01T09:00:00+00:00", "k2", None, None, 2, 7),
        ("2026-10-01T23:00:00+00:00", None, "wrkspc_named", "wrkspc_named", 2, 7),
    ]
    assert [len(rows[date(2026, 10, day)]) for day in (2, 19, 20)] == [0, 0, 1]
    first, second = fake.asked(ANALYTICS_USAGE)
    assert (first["time_bucket_width"], first["limit"], second["page"]) == (["1h"], ["1000"], ["p2"])
    assert first["group_by[]"] == ["model", "workspace_id", "api_key_id", "service_tier", "context_window"]
    assert fake.asked(USAGE) == []


def test_the_recorded_usage_of_a_day_is_refused_where_hours_were_asked_for(fake, anthropic_provider):
    recorded = payload("anthropic_analytics_usage.json")
    form = analytics(anthropic_provider, fake)
    fake.faults[ANALYTICS_USAGE] = [Answer(body=recorded)]
    with pytest.raises(ProviderError, match="not of the asked width 1h") as caught:
        fetch(anthropic_provider, "usage_report_messages", form, window("2026-10-01", 1))
    assert caught.value.fault is Fault.CONTRACT
    [row] = recorded["data"]
    hour = row | {"ending_at": "2026-10-01T01:00:00Z"}
    fake.faults[ANALYTICS_USAGE] = [Answer(body=recorded | {"data": [hour]})]
    [*_, day] = fetch(anthropic_provider, "usage_report_messages", form, window("2026-10-01", 1))
    [found] = day.rows
    expected = {
        "uncached_input_tokens": 1_000_000,
        "cache_read_input_tokens": 2_000_000,
        "cache_creation_ephemeral_5m_input_tokens": 100_000,
        "cache_creation_ephemeral_1h_input_tokens": 0,
        "output_tokens": 200_000,
        "total_tokens": 3_300_000,
        "requests": 812,
        "server_tool_use_web_search_requests": 12,
        "api_key_id": "apikey_01PRODxxxxxxxxxxxxxxxxxx",
        "service_tier": "standard",
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("table", ["cost_report", "usage_report_messages"])
def test_a_row_that_moved_to_the_next_page_while_both_were_read_is_never_counted_twice(
    fake, anthropic_provider, table
):
    path, row = (ANALYTICS, cost("5")) if table == "cost_report" else (ANALYTICS_USAGE, used(3))
    fake.faults[path] = [analytics_page(row, cursor="p2"), analytics_page(row)]
    form = analytics(anthropic_provider, fake)
    with pytest.raises(ProviderError, match=f"a row of `{table}` twice") as caught:
        fetch(anthropic_provider, table, form, window("2026-10-01", 1))
    assert caught.value.fault is Fault.UNAVAILABLE


def claude_code_page(*records, cursor=None):
    return Answer(body={"data": list(records), "has_more": cursor is not None, "next_page": cursor})


def test_claude_code_is_read_day_by_day_without_what_people_did_beside_it(
    fake, warehouse, anthropic_provider
):
    user, _ = recorded = payload("anthropic_usage_report_claude_code.json")["data"]
    [model] = user["model_breakdown"]
    bot = {
        "date": "2026-10-01",
        "actor": {"type": "api_actor", "api_key_name": "ci-bot", "display_name": "Ada"},
        "customer_type": "subscription",
        "model_breakdown": [model, {"model": "claude-sonnet-5", "tokens": {"input": 1}}],
    }
    fake.faults[CLAUDE_CODE] = [
        claude_code_page(*recorded, cursor="p2"),
        claude_code_page(bot),
        claude_code_page(),
    ]
    form = choosing(anthropic_provider, fake, claude_code="keep_emails")
    warehouse.pull(anthropic_provider, form, window("2026-10-01", 2), tables=("usage_report_claude_code",))
    columns = "actor_type, actor_email_address, actor_api_key_name, customer_type, model, tokens_input"
    found = warehouse.current(
        "anthropic", "usage_report_claude_code", f"{columns}, estimated_cost_amount", "order by 1, 5"
    )
    dated = "claude-sonnet-4-5-20250929"
    assert found == [
        ("api_actor", None, "ci-bot", "subscription", dated, 100_000, "84.675"),
        ("api_actor", None, "ci-bot", "subscription", "claude-sonnet-5", 1, None),
        ("user_actor", "dev@example.com", None, "api", dated, 100_000, "84.675"),
    ]
    landed = {
        name
        for (name,) in warehouse.ask(
            "select column_name from (describe raw_anthropic.usage_report_claude_code)"
        )
    }
    assert not [name for name in landed if "tool" in name or "metrics" in name or "display" in name]
    assert [(query["starting_at"], query["limit"]) for query in fake.asked(CLAUDE_CODE)] == [
        (["2026-10-01"], ["1000"]),
        (["2026-10-01"], ["1000"]),
        (["2026-10-02"], ["1000"]),
    ]
    days = "select day, row_count from raw_anthropic.pulled_days order by 1"
    assert warehouse.ask(days) == [(date(2026, 10, 1), 3), (date(2026, 10, 2), 0)]


def test_claude_code_says_no_e_mail_where_it_is_dropped_and_is_not_asked_for_where_it_is_off(
    fake, anthropic_provider
):
    fake.faults[CLAUDE_CODE] = [Answer(body=payload("anthropic_usage_report_claude_code.json"))]
    form = choosing(anthropic_provider, fake, claude_code="drop_emails")
    [day] = fetch(anthropic_provider, "usage_report_claude_code", form, window("2026-10-01", 1))
    assert len(day.rows) == 1
    assert "dev@example.com" not in str(day.rows)
    fake.requests.clear()
    assert fetch(anthropic_provider, "usage_report_claude_code", fake) == []
    assert fake.requests == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"date": "2026-10-03"}, "holds 2026-10-03, which was not asked for"),
        ({"date": None}, "no day that can be read"),
        ({"actor": "dev@example.com"}, "lacks its object `actor`"),
        ({"model_breakdown": [{"estimated_cost": {"amount": 5}}]}, "an amount but no currency"),
    ],
)
def test_a_record_of_claude_code_that_cannot_be_understood_stops_the_pull(
    fake, anthropic_provider, change, sentence
):
    record = payload("anthropic_usage_report_claude_code.json")["data"][0] | change
    fake.faults[CLAUDE_CODE] = [claude_code_page(record)]
    form = choosing(anthropic_provider, fake, claude_code="keep_emails")
    with pytest.raises(ProviderError, match=sentence) as caught:
        fetch(anthropic_provider, "usage_report_claude_code", form, window("2026-10-01", 1))
    assert caught.value.fault is Fault.CONTRACT
    assert "dev@example.com" not in caught.value.message


def test_both_apis_say_the_same_of_one_account(anthropic_provider):
    now = datetime(2026, 10, 20, 12, 30, 15, 250_000, tzinfo=UTC)
    small = small_server(now, seed=5)

    def told(url, api):
        form = anthropic_provider.credentials(**small.form(url), cost_api=api, usage_api=api)
        costs, usage = (
            {day.day: list(day.rows) for day in report.fetch(form, window("2026-10-17", 3))}
            for report in anthropic_provider.reports[:2]
        )
        days = window("2026-10-17", 3).days
        sums: dict[tuple, int] = defaultdict(int)
        for day in days:
            for row in usage[day]:
                key = (day, row["api_key_id"], row["workspace_id"], row["model"], row["service_tier"])
                sums[key] += row["output_tokens"] + row["uncached_input_tokens"]
        return {day: sum(Decimal(row["amount"]) for row in costs[day]) for day in days}, sums

    with Served(small.app) as server:
        older, newer = told(server.url, "legacy"), told(server.url, "analytics")
        small.desk.faults.endless_paging = EndlessPaging.NEW_CURSORS
        with pytest.raises(ProviderError, match="twice while its pages were read"):
            told(server.url, "analytics")
    assert older == newer
    assert newer[0][date(2026, 10, 17)] == 0
    assert newer[0][date(2026, 10, 19)] > 0


@pytest.mark.parametrize("line", [{"amount": "5", "currency": None}, {"amount": "5"}, {"currency": "USD"}])
def test_a_line_of_the_bill_without_amount_or_currency_stops_the_pull(fake, anthropic_provider, line):
    fake.buckets[COSTS][date(2026, 10, 1)] = [line]
    with pytest.raises(ProviderError, match=r"no (amount|currency)") as caught:
        fetch(anthropic_provider, "cost_report", fake)
    assert caught.value.fault is Fault.CONTRACT
