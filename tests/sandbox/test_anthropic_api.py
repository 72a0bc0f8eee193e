"""Anthropic on loopback: faithful to its contract, and in sum the ledger, to the last decimal."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from sandbox.catalogue import MODELS
from tests.sandbox.conftest import NOW, exact, pages, payload
from tests.sandbox.shapes import names, shape

COSTS = "/organizations/cost_report"
USAGE = "/organizations/usage_report/messages"
ANALYTICS_COST = "/organizations/analytics/cost"
ANALYTICS_USAGE = "/organizations/analytics/usage"
CLAUDE_CODE = "/organizations/usage_report/claude_code"
BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}
BY_LINE = {"group_by[]": ["workspace_id", "description"]}
BY_MODEL = {
    "group_by[]": ["workspace_id", "model", "service_tier", "api_key_id", "context_window", "inference_geo"]
}
CANONICAL = {model.served: model.canonical for model in MODELS} | {None: None}
TOKEN_TYPES = {
    "uncached_input_tokens": "input",
    "cache_read_input_tokens": "cache_read",
    "cache_creation.ephemeral_5m_input_tokens": "cache_write_5m",
    "cache_creation.ephemeral_1h_input_tokens": "cache_write_1h",
    "output_tokens": "output",
    None: "web_searches",
}


def history(world, **more):
    return {
        "starting_at": f"{world.closed_days[0]}T00:00:00Z",
        "ending_at": f"{world.today}T00:00:00Z",
        **more,
    }


def ledger_cells(sandbox):
    return {
        (row["day"], row["project"], row["model"], row["token_type"], row["tier"]): row
        for row in sandbox.ledger["cells"]
        if row["provider"] == "anthropic" and row["billed_quantity"]
    }


def test_cost_pages_add_up_to_every_cell_of_the_ledger(sandbox, anthropic):
    billed = defaultdict(Decimal)
    for bucket in pages(anthropic, COSTS, history(sandbox.world, limit=2, **BY_LINE)):
        for row in bucket["results"]:
            assert isinstance(row["amount"], str)
            assert (row["currency"], row["inference_geo"]) == ("USD", None)
            key = (CANONICAL[row["model"]], TOKEN_TYPES[row["token_type"]], row["service_tier"] or "standard")
            billed[bucket["starting_at"][:10], row["workspace_id"], *key] += Decimal(row["amount"]) / 100
    assert billed == {key: Decimal(row["billed_usd"]) for key, row in ledger_cells(sandbox).items()}
    assert sum(billed.values()) == Decimal(sandbox.ledger["totals"]["anthropic"]["billed_usd"])


def test_usage_pages_add_up_to_the_quantities_of_the_ledger(sandbox, anthropic):
    found = defaultdict(int)
    for bucket in pages(anthropic, USAGE, history(sandbox.world, limit=4, **BY_MODEL)):
        for row in bucket["results"]:
            place, model = (bucket["starting_at"][:10], row["workspace_id"]), CANONICAL[row["model"]]
            for name, token_type in TOKEN_TYPES.items():
                if name is not None:
                    outer, _, inner = name.partition(".")
                    found[*place, model, token_type, row["service_tier"]] += (
                        row[outer][inner] if inner else row[outer]
                    )
            found[*place, None, "web_searches", "standard"] += row["server_tool_use"]["web_search_requests"]
    cells = {key: row["billed_quantity"] for key, row in ledger_cells(sandbox).items()}
    assert {key: quantity for key, quantity in found.items() if quantity} == cells


def test_the_discount_is_on_the_bill_of_one_model_only(sandbox):
    ratios = defaultdict(set)
    for row in ledger_cells(sandbox).values():
        if Decimal(row["metered_usd"]):
            ratios[row["model"]].add(Decimal(row["billed_usd"]) / Decimal(row["metered_usd"]))
    assert ratios["claude-sonnet-4-5"] == {Decimal("0.9")}
    assert ratios["claude-haiku-4-5"] == {Decimal(1)}


def test_answers_have_the_names_of_the_documented_examples(sandbox, anthropic):
    query = history(sandbox.world)
    assert names(exact(anthropic.get(COSTS, params=query | BY_LINE))) == names(
        payload("anthropic_cost_report_page1")
    )
    assert names(exact(anthropic.get(USAGE, params=query | BY_MODEL))) == names(
        payload("anthropic_usage_report_messages")
    ) | {"next_page": None}
    workspaces = exact(anthropic.get("/organizations/workspaces"))
    documented = payload("anthropic_workspaces")
    assert workspaces["data"][0].keys() == documented["data"][0].keys()
    assert workspaces.keys() == documented.keys()


def test_descriptions_are_the_ones_seen_live(sandbox, anthropic):
    buckets = pages(anthropic, COSTS, history(sandbox.world, **BY_LINE))
    descriptions = {row["description"] for bucket in buckets for row in bucket["results"]}
    assert {
        "Claude Sonnet 4.5 Usage - Input Tokens",
        "Claude Sonnet 4.5 Usage - Input Tokens, Cache Hit",
    } <= descriptions
    assert {"Claude Haiku 4.5 Usage - Input Tokens, Cache Write", "Web Search Usage"} <= descriptions


def test_dimensions_are_null_unless_grouped_by(sandbox, anthropic):
    for bucket in pages(anthropic, COSTS, history(sandbox.world)):
        (row,) = bucket["results"]
        described = (
            "cost_type",
            "description",
            "model",
            "token_type",
            "service_tier",
            "context_window",
            "workspace_id",
        )
        assert {row[name] for name in described} == {None}
    for bucket in pages(anthropic, USAGE, history(sandbox.world)):
        (row,) = bucket["results"]
        assert {row[name] for name in ("api_key_id", "workspace_id", "model", "service_tier")} == {None}


def test_the_default_workspace_is_null_when_grouped_by_too(sandbox, anthropic):
    buckets = pages(anthropic, USAGE, history(sandbox.world, **{"group_by[]": "workspace_id"}))
    assert all(None in {row["workspace_id"] for row in bucket["results"]} for bucket in buckets)


def test_starts_are_snapped_to_the_utc_day(sandbox, anthropic):
    day = sandbox.world.closed_days[1]
    snapped = anthropic.get(
        COSTS, params={"starting_at": f"{day}T13:00:00+02:00", "ending_at": f"{day}T23:00:00Z"}
    )
    assert [bucket["starting_at"] for bucket in exact(snapped)["data"]] == [f"{day}T00:00:00Z"]


def test_an_empty_day_is_an_empty_bucket(sandbox, anthropic):
    day = sandbox.world.closed_days[0] - timedelta(days=1)
    body = exact(anthropic.get(COSTS, params={"starting_at": f"{day}T00:00:00Z", "limit": 1}))
    assert body["data"][0]["results"] == payload("anthropic_cost_report_page2")["data"][0]["results"] == []


@pytest.mark.parametrize("end", [{}, {"ending_at": "2026-12-24T00:00:00Z"}])
def test_today_is_a_partial_bucket_and_the_last(sandbox, anthropic, end):
    buckets = pages(anthropic, USAGE, {"starting_at": f"{sandbox.world.today}T00:00:00Z"} | end)
    assert [(b["starting_at"], b["ending_at"]) for b in buckets] == [
        ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z")
    ]
    assert buckets[0]["results"][0]["output_tokens"] > 0
    assert sandbox.world.now == NOW


@pytest.mark.parametrize(
    ("path", "params", "words"),
    [
        (COSTS, {}, "starting_at: Field required"),
        (COSTS, {"starting_at": "2026-11-20"}, "starting_at: Input should be a valid RFC 3339 datetime"),
        (COSTS, {"starting_at": "soon"}, "starting_at: Input should be a valid RFC 3339 datetime"),
        (COSTS, {"starting_at": "2026-11-20T00:00:00Z", "ending_at": "2026-11-20T00:00:00Z"}, "ending_at"),
        (COSTS, {"starting_at": "2026-11-20T00:00:00Z", "bucket_width": "1h"}, "bucket_width"),
        (COSTS, {"starting_at": "2026-11-20T00:00:00Z", "limit": "32"}, "limit"),
        (COSTS, {"starting_at": "2026-11-20T00:00:00Z", "group_by[]": "model"}, "group_by[]"),
        (USAGE, {"starting_at": "2026-11-20T00:00:00Z", "group_by[]": "description"}, "group_by[]"),
        (USAGE, {"starting_at": "2026-11-20T00:00:00Z", "page": "nonsense"}, "Invalid page token"),
        ("/organizations/workspaces", {"after_id": "wrkspc_nowhere"}, "after_id"),
    ],
)
def test_wrong_parameters_are_refused_in_words(anthropic, path, params, words):
    response = anthropic.get(path, params=params)
    assert response.status_code == 400
    assert shape(exact(response)) == shape(payload("anthropic_error_401"))
    error = exact(response)["error"]
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]


def test_only_an_admin_key_with_a_version_may_read(sandbox):
    url, version = f"{sandbox.anthropic_url}/v1/organizations/me", {"anthropic-version": "2023-06-01"}
    for headers in (
        {},
        {"x-api-key": sandbox.anthropic_keys.application},
        {"x-api-key": "sk-ant-admin01-other"},
    ):
        response = httpx.get(url, headers=headers | version)
        assert response.status_code == 401
        assert exact(response)["error"] == payload("anthropic_error_401")["error"]
        assert response.headers["request-id"] == exact(response)["request_id"]
    admin = {"x-api-key": sandbox.anthropic_keys.admin}
    assert exact(httpx.get(url, headers=admin))["error"]["message"] == "anthropic-version: header is required"
    assert exact(httpx.get(url, headers=admin | version))["name"] == "Sandbox Company"


def test_workspaces_and_keys_are_listed_page_by_page(anthropic):
    first = exact(anthropic.get("/organizations/workspaces", params={"limit": 1}))
    second = exact(
        anthropic.get("/organizations/workspaces", params={"limit": 1, "after_id": first["last_id"]})
    )
    assert [page["data"][0]["name"] for page in (first, second)] == ["Search", "Docs"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    keys = exact(anthropic.get("/organizations/api_keys"))["data"]
    assert {key["workspace_id"] for key in keys} >= {None, first["last_id"]}


@pytest.fixture
def analytics(anthropic):
    anthropic.headers.update(BETA)
    return anthropic


def test_analytics_rows_fill_pages_and_add_up_to_the_ledger_to_the_last_decimal(sandbox, analytics):
    query = history(sandbox.world, time_bucket_width="1h", limit=150)
    rows = pages(analytics, ANALYTICS_COST, query | {"group_by[]": ["api_key_id", "token_type", "model"]})
    ledger = sandbox.ledger["totals"]["anthropic"]
    assert sum(Decimal(row["cost"]["amount"]) for row in rows) == Decimal(ledger["billed_usd"]) * 100
    assert {row["cost"]["requests"] for row in rows} == {None}
    shares = {
        Decimal(row["cost"]["amount"]) / Decimal(row["cost"]["list_amount"])
        for row in rows
        if row["group"]["token_type"] == "output_tokens"
    }
    assert shares == {Decimal("0.9"), Decimal(1)}
    hours = [row["starting_at"] for row in rows]
    assert hours == sorted(hours)
    assert len(set(hours)) > len(sandbox.world.closed_days)
    tokens = sum(row["usage"]["total_tokens"] for row in pages(analytics, ANALYTICS_USAGE, query))
    cells = ledger_cells(sandbox).values()
    assert tokens == sum(row["billed_quantity"] for row in cells if row["token_type"] != "web_searches")


def test_newer_answers_have_the_names_of_the_documented_examples(sandbox, analytics):
    query = history(sandbox.world, time_bucket_width="1d", **{"group_by[]": "workspace_id"})
    for path, example in (
        (ANALYTICS_COST, "anthropic_analytics_cost"),
        (ANALYTICS_USAGE, "anthropic_analytics_usage"),
    ):
        body = exact(analytics.get(path, params=query))
        assert names(body) == names(payload(example))
        assert body["data_refreshed_at"] == "2026-11-23T12:00:00Z"
        assert None not in {row["group"]["workspace_id"] for row in body["data"]}
    day = exact(analytics.get(CLAUDE_CODE, params={"starting_at": str(sandbox.world.closed_days[0])}))
    assert names(day) == names(payload("anthropic_usage_report_claude_code"))
    estimate = day["data"][0]["model_breakdown"][0]["estimated_cost"]["amount"]
    assert isinstance(estimate, Decimal | int)


def test_claude_code_is_given_an_hour_late_and_in_pages_of_records(sandbox, anthropic):
    def records(day, **more):
        return pages(anthropic, CLAUDE_CODE, {"starting_at": str(day), **more})

    first = sandbox.world.closed_days[0]
    assert records(first, limit=1) == records(first)
    assert len(records(first)) == 2
    assert records(first - timedelta(days=1)) == []

    def tokens(day):
        return sum(sum(m["tokens"].values()) for r in records(day) for m in r["model_breakdown"])

    late = tokens(sandbox.world.today)
    sandbox.anthropic.world = replace(sandbox.world, now=NOW + timedelta(hours=1))
    assert tokens(sandbox.world.today) > late


@pytest.mark.parametrize(
    ("path", "params", "words"),
    [
        (ANALYTICS_COST, {"time_bucket_width": "1w"}, "time_bucket_width"),
        (ANALYTICS_COST, {"ending_at": "2026-12-20T00:00:00Z"}, "ending_at"),
        (ANALYTICS_USAGE, {"time_bucket_width": "1m", "ending_at": "2026-11-11T00:01:00Z"}, "ending_at"),
        (ANALYTICS_USAGE, {"starting_at": "2025-12-31T00:00:00Z"}, "not before 2026-01-01"),
        (ANALYTICS_USAGE, {"group_by[]": "cost_type"}, "group_by[]"),
        (
            ANALYTICS_COST,
            {"group_by[]": ["actor", "model", "product", "speed", "session_id", "agent_id", "cost_type"]},
            "at most 5",
        ),
        (ANALYTICS_COST, {"limit": "1001"}, "limit"),
        (ANALYTICS_USAGE, {"page": "nonsense"}, "Invalid page token"),
        (CLAUDE_CODE, {"starting_at": "2026-11-10T00:00:00Z"}, "starting_at"),
    ],
)
def test_wrong_parameters_of_the_newer_reports_are_refused_in_words(analytics, path, params, words):
    known = {
        "starting_at": "2026-11-10T00:00:00Z",
        "ending_at": "2026-11-11T00:00:00Z",
        "time_bucket_width": "1d",
    }
    response = analytics.get(path, params=known | params)
    assert response.status_code == 400
    assert words in exact(response)["error"]["message"]


def test_the_analytics_api_is_a_beta_that_must_be_named(sandbox, anthropic):
    query = history(sandbox.world, time_bucket_width="1d")
    refused = anthropic.get(ANALYTICS_COST, params=query)
    assert refused.status_code == 400
    assert "anthropic-beta" in exact(refused)["error"]["message"]
    assert anthropic.get(ANALYTICS_COST, params=query, headers=BETA).status_code == 200
