"""OpenAI against its contract page: every example loads, exactly; windows, groupings and names as
documented."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dlt_sources import openai
from dlt_sources.contract import Fault, ProviderError
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import fetch, window

COSTS = "/v1/organization/costs"
COMPLETIONS = "/v1/organization/usage/completions"
PROJECTS = "/v1/organization/projects"


def test_every_example_payload_loads_to_the_cent_and_token(fake, warehouse, openai_provider):
    for name in ("page1", "page2_string_amounts", "empty_bucket"):
        fake.put_example(COSTS, f"openai_costs_{name}.json")
    for name in ("completions", "embeddings", "web_search_calls"):
        fake.put_example(f"/v1/organization/usage/{name}", f"openai_usage_{name}.json")
    fake.lists[PROJECTS] = payload("openai_projects.json")["data"]
    fake.lists[f"{PROJECTS}/proj_search/api_keys"] = [
        {
            "id": "key_prod1",
            "name": "prod",
            "created_at": 1711471533,
            "owner": {"type": "user", "user": {"id": "u1"}},
        }
    ]
    warehouse.pull(openai_provider, fake, window("2026-10-01", 3))

    assert warehouse.current("openai", "costs", "distinct amount_currency") == [("usd",)]
    assert warehouse.money("openai", "costs", "amount_value") == Decimal("4.314") + Decimal("0.3505")
    assert sorted(warehouse.current("openai", "costs", "amount_value")) == sorted(
        [
            ("2.0",),
            ("0.5",),
            ("1.5",),
            ("0.004",),
            ("0.25",),
            ("0.06",),
            ("0.4105000000000000000000",),
            ("0.0400000000000000000000",),
            ("-0.1",),
        ]
    )
    tokens = "sum(input_tokens), sum(input_cached_tokens), sum(output_tokens), sum(num_model_requests)"
    assert warehouse.current("openai", "usage_completions", tokens) == [(1200000, 400000, 150000, 323)]
    assert warehouse.current("openai", "usage_embeddings", "day, input_tokens, model, api_key_id") == [
        (date(2026, 10, 1), 200000, "text-embedding-3-small", "key_prod1")
    ]
    assert warehouse.current("openai", "usage_web_search_calls", "num_requests, context_level") == [
        (25, "medium")
    ]
    assert warehouse.ask("select id, name from raw_openai.projects order by id") == [
        ("proj_chat", "Chat"),
        ("proj_search", "Search"),
    ]
    assert warehouse.ask(
        "select id, project_id, owner_type, owner_user_id from raw_openai.project_api_keys"
    ) == [("key_prod1", "proj_search", "user", "u1")]
    assert warehouse.ask(
        "select day, row_count from raw_openai.pulled_days where report = 'costs' order by day"
    ) == [
        (date(2026, 10, 1), 6),
        (date(2026, 10, 2), 3),
        (date(2026, 10, 3), 0),
    ]


def test_the_published_openapi_examples_are_read(fake, openai_provider):
    paths = {
        "costs": "/organization/costs",
        "usage_completions": "/organization/usage/completions",
        "usage_embeddings": "/organization/usage/embeddings",
        "usage_web_search_calls": "/organization/usage/web_search_calls",
    }
    for table, path in paths.items():
        example = payload("openai_openapi_usage_costs_examples.json")[path] | {"has_more": False}
        fake.faults[f"/v1{path}"].append(Answer(body=example))
        (day,) = fetch(openai_provider, table, fake, window("2024-11-01", 1))
        assert day.day == date(2024, 11, 1)
        assert len(day.rows) == 1


def test_paging_gathers_every_bucket_once(fake, openai_provider):
    fake.buckets_per_page = 4
    days = window("2026-09-01", 30)
    fake.buckets[COMPLETIONS] = {
        day: [{"input_tokens": day.day, "output_tokens": 1, "num_model_requests": 1}] for day in days.days
    }
    pulled = fetch(openai_provider, "usage_completions", fake, days)
    assert [day.day for day in pulled] == days.days
    assert [day.rows[0]["input_tokens"] for day in pulled] == list(range(1, 31))
    assert len(fake.asked(COMPLETIONS)) == 8


def test_requests_are_aligned_bracketed_and_never_reach_beyond_now(fake, openai_provider):
    pulled = fetch(openai_provider, "usage_completions", fake, window("2026-10-19", 4))
    (query,) = fake.asked(COMPLETIONS)
    assert query["start_time"] == [str(int(datetime(2026, 10, 19, tzinfo=UTC).timestamp()))]
    assert query["end_time"] == [str(int(NOW.timestamp()))]
    assert query["group_by[]"] == ["project_id", "api_key_id", "model", "batch", "service_tier"]
    assert query["limit"] == ["31"]
    assert [day.day for day in pulled] == [date(2026, 10, 19), date(2026, 10, 20)]


def test_a_day_that_has_not_begun_is_not_claimed_to_be_empty(fake):
    at_midnight = openai.build_provider(clock=lambda: datetime(2026, 10, 20, tzinfo=UTC), patience=QUICK)
    assert fetch(at_midnight, "costs", fake, window("2026-10-20", 2)) == []
    assert fake.requests == []


def test_costs_fall_back_to_the_grouping_openai_accepts_and_say_which(fake, openai_provider):
    fake.put_example(COSTS, "openai_costs_page1.json")
    fake.refused_groupings.add("project_id,line_item,api_key_id")
    day = fetch(openai_provider, "costs", fake)[0]
    assert [query["group_by[]"] for query in fake.asked(COSTS)] == [
        ["project_id", "line_item", "api_key_id"],
        ["project_id", "line_item"],
    ]
    assert {row["grouped_by"] for row in day.rows} == {"project_id,line_item"}


def test_a_window_openai_refuses_outright_is_an_error_not_an_empty_day(fake, openai_provider):
    fake.refused_groupings |= {"project_id,line_item,api_key_id", "project_id,line_item"}
    with pytest.raises(ProviderError, match="Unsupported group_by") as caught:
        fetch(openai_provider, "costs", fake)
    assert caught.value.fault is Fault.CONTRACT


def test_names_are_paged_and_keys_of_archived_projects_are_left_alone(fake, openai_provider):
    fake.lists[PROJECTS] = [
        {"id": f"proj_{n:03}", "name": f"P{n}", "status": "archived" if n else "active"} for n in range(250)
    ]
    fake.lists[f"{PROJECTS}/proj_000/api_keys"] = [{"id": f"key_{n:03}", "name": "k"} for n in range(101)]
    assert len(fetch(openai_provider, "projects", fake)) == 250
    keys = fetch(openai_provider, "project_api_keys", fake)
    assert [key["id"] for key in keys] == [f"key_{n:03}" for n in range(101)]
    assert {key["project_id"] for key in keys} == {"proj_000"}


def test_an_amount_without_a_currency_stops_the_pull(fake, openai_provider):
    fake.buckets[COSTS][date(2026, 10, 1)] = [{"amount": {"value": 1.5, "currency": None}}]
    with pytest.raises(ProviderError, match="no currency in `amount_currency`") as caught:
        fetch(openai_provider, "costs", fake)
    assert caught.value.fault is Fault.CONTRACT


def test_a_group_without_an_amount_is_kept_with_the_amount_unknown(fake, openai_provider):
    fake.buckets[COSTS][date(2026, 10, 1)] = [{"amount": None, "line_item": "empty"}]
    assert fetch(openai_provider, "costs", fake)[0].rows[0]["amount_value"] is None
