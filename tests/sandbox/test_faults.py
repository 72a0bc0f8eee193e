"""Faults: each shows from the next request on, in the provider's own shape."""

import time
from decimal import Decimal

import pytest

from sandbox.books import emptied, repriced, without_token_type
from sandbox.faults import EndlessPaging
from sandbox.ledger import build_ledger
from tests.sandbox.conftest import exact, pages, payload
from tests.sandbox.shapes import shape
from tests.sandbox.test_anthropic_api import BY_LINE as ANTHROPIC_BY_LINE
from tests.sandbox.test_anthropic_api import COSTS as ANTHROPIC_COSTS
from tests.sandbox.test_anthropic_api import history as anthropic_history
from tests.sandbox.test_openai_api import BY_LINE, COSTS, history


@pytest.fixture(params=["openai", "anthropic"])
def report(request, sandbox):
    """(desk, a function that asks for costs with more parameters, the provider's name)."""
    client = request.getfixturevalue(request.param)
    path, query = {
        "openai": (COSTS, history(sandbox.world)),
        "anthropic": (ANTHROPIC_COSTS, anthropic_history(sandbox.world)),
    }[request.param]
    return (
        getattr(sandbox, request.param),
        lambda **more: client.get(path, params=query | more),
        request.param,
    )


@pytest.mark.parametrize("seconds", [3, None])
def test_a_rate_limit_storm_passes_after_so_many_requests(report, seconds):
    desk, ask, provider = report
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 2, seconds
    refused = [ask(), ask()]
    assert [response.status_code for response in refused] == [429, 429]
    assert {response.headers.get("retry-after") for response in refused} == {seconds and str(seconds)}
    assert shape(exact(refused[0])) == shape(payload(f"{provider}_error_429"))
    assert ask().status_code == 200
    assert len(desk.requests) == 3


def test_server_errors_pass_after_so_many_requests(report):
    desk, ask, provider = report
    desk.faults.failing_requests = 1
    response = ask()
    assert response.status_code == 500
    assert shape(exact(response))["error"].keys() == payload(f"{provider}_error_429")["error"].keys()
    assert ask().status_code == 200


def test_a_key_can_expire_in_the_middle_of_paging(report):
    desk, ask, provider = report
    desk.faults.key_expires_after = 2
    first = exact(ask(limit=2))
    second = exact(ask(limit=2, page=first["next_page"]))
    third = ask(limit=2, page=second["next_page"])
    assert third.status_code == 401
    assert shape(exact(third)) == shape(payload(f"{provider}_error_401"))


def test_endless_paging_repeats_its_cursor(report):
    desk, ask, _ = report
    desk.faults.endless_paging = EndlessPaging.SAME_CURSOR
    first = exact(ask(limit=2))
    second = exact(ask(limit=2, page=first["next_page"]))
    assert (second["has_more"], second["next_page"]) == (True, first["next_page"])


def test_endless_paging_can_go_on_with_ever_new_cursors(report):
    desk, ask, _ = report
    desk.faults.endless_paging = EndlessPaging.NEW_CURSORS
    cursors, more = [], {}
    for _ in range(5):
        body = exact(ask(limit=2, **more))
        assert body["has_more"]
        cursors.append(body["next_page"])
        more = {"page": cursors[-1]}
    assert len(set(cursors)) == 5


def test_answers_can_be_slow(report):
    desk, ask, _ = report
    desk.faults.delay_seconds = 0.3
    begun = time.monotonic()
    assert ask().status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_the_schema_can_grow(report):
    desk, ask, _ = report
    desk.faults.extra_fields = {"carbon": {"grams": 3}}
    results = [row for bucket in exact(ask())["data"] for row in bucket["results"]]
    assert results
    assert all(row["carbon"] == {"grams": 3} for row in results)


def test_a_restated_day_changes_its_amounts_and_no_other_day(sandbox, openai):
    day = sandbox.world.closed_days[2]
    before = pages(openai, COSTS, history(sandbox.world))
    sandbox.openai.world = sandbox.world.restated("openai", day, repriced(Decimal("1.5")))
    after = pages(openai, COSTS, history(sandbox.world))
    assert [number for number in range(6) if before[number] != after[number]] == [2]
    was, now = (Decimal(buckets[2]["results"][0]["amount"]["value"]) for buckets in (before, after))
    assert now == was * Decimal("1.5")


def test_a_restated_day_can_lose_a_line(sandbox, openai):
    day = sandbox.world.closed_days[2]
    sandbox.openai.world = sandbox.world.restated("openai", day, without_token_type("cache_read"))
    lines = [
        {row["line_item"] for row in bucket["results"]}
        for bucket in pages(openai, COSTS, history(sandbox.world, **BY_LINE))
    ]
    gone = lines[1] - lines[2]
    assert gone >= {"gpt-4o-2024-08-06, cached input", "gpt-5-mini, cached_input_tokens"}


def test_a_restated_day_can_be_emptied_and_the_ledger_follows(sandbox, anthropic):
    day = sandbox.world.closed_days[2]
    sandbox.anthropic.world = sandbox.world.restated("anthropic", day, emptied)
    buckets = pages(anthropic, ANTHROPIC_COSTS, anthropic_history(sandbox.world, **ANTHROPIC_BY_LINE))
    assert buckets[2]["results"] == []
    total = sum(Decimal(row["amount"]) for bucket in buckets for row in bucket["results"]) / 100
    assert total == Decimal(build_ledger(sandbox.anthropic.world)["totals"]["anthropic"]["billed_usd"])
