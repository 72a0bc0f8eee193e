"""Cloudflare AI Gateway against its contract page: every request of a day once, estimates to the digit, no metadata."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from dlt_sources import cloudflare
from dlt_sources.cloudflare import reports
from dlt_sources.cloudflare.reports import CloudflareCredentials
from dlt_sources.contract import Fault, ProviderError
from sandbox.cloudflare.api import (
    ACCOUNT_ID,
    CloudflareBooks,
    CloudflareDesk,
    Log,
    cloudflare_app,
    small_account,
)
from sandbox.faults import EndlessPaging
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

TOKEN = "cf-PLANTED-token"
PROVIDER = cloudflare.build_provider(clock=lambda: NOW, patience=QUICK)
DAY = date(2026, 10, 1)
PATH = f"/client/v4/accounts/{ACCOUNT_ID}/ai-gateway/gateways/main/logs"


def log(number, gateway="main", at=datetime(2026, 10, 1, 12, tzinfo=UTC), cost="0.01"):
    return Log(f"log-{number}", gateway, at, "openai", "gpt-4o-mini", 10, 2, Decimal(cost))


@pytest.fixture
def desk():
    return CloudflareDesk(CloudflareBooks(NOW, []), TOKEN)


@pytest.fixture
def api(desk):
    with Served(cloudflare_app(desk)) as served:
        served.credentials = lambda key=None: CloudflareCredentials(
            api_token=key or TOKEN,
            account_id=ACCOUNT_ID,
            gateways="main, other",
            base_url=f"{served.url}/client/v4",
        )
        yield served


def test_the_recorded_answer_loads_with_every_digit_and_without_people(api, tmp_path):
    api.faults[PATH] = [Answer(body=(PAYLOADS / "cloudflare_logs.json").read_bytes())]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, api, window("2026-10-01", 1))
    columns = "gateway, provider, model, cost, tokens_in, tokens_out, cached, success, custom_cost"
    assert warehouse.current("cloudflare", "logs", columns) == [
        ("main", "openai", "gpt-4o-mini", "0.000123450000001", 412, 80, False, True, "false")
    ]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"a person" in path.read_bytes()]


def test_every_page_of_every_gateway_is_read_and_a_day_holds_its_own(desk, api):
    edges = [
        log("last", at=datetime(2026, 10, 1, 23, 59, 59, 999_999, UTC)),
        log("next", at=datetime(2026, 10, 2, tzinfo=UTC)),
    ]
    desk.books = CloudflareBooks(
        NOW, [*(log(n) for n in range(120)), *edges, log("x", "other"), log("y", "third")]
    )
    days = fetch(PROVIDER, "logs", api, window("2026-10-01", 2))
    assert [(day.day, len(day.rows)) for day in days] == [(DAY, 122), (date(2026, 10, 2), 1)]


def test_a_small_account_loads_to_its_truth_and_a_restated_day_replaces_it(desk, api, tmp_path):
    desk.books, truth = small_account(DAY, 4, seed=2)
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, api, window("2026-10-01", 4))
    money = "day, model, sum(cast(cost as decimal(38, 12)))"
    assert {
        row[:2]: row[2] for row in warehouse.current("cloudflare", "logs", money, "group by all")
    } == truth
    desk.books = replace(desk.books, logs=[log(1, cost="0.5")])
    warehouse.pull(PROVIDER, api, window("2026-10-01", 4))
    assert warehouse.money("cloudflare", "logs", "cost") == Decimal("0.5")


def test_a_wrong_token_and_a_foreign_account_are_told_apart(api):
    assert PROVIDER.check(api.credentials()).readable == ("logs",)
    with pytest.raises(ProviderError, match="Authentication error") as caught:
        PROVIDER.check(api.credentials("cf-wrong"))
    assert caught.value.fault is Fault.CREDENTIALS
    foreign = api.credentials().model_copy(update={"account_id": "f" * 32})
    with pytest.raises(ProviderError, match="Forbidden") as caught:
        PROVIDER.check(foreign)
    assert caught.value.fault is Fault.PERMISSION
    assert "AI Gateway, Read" in caught.value.next_step


def test_storms_are_waited_out_and_endless_pages_are_not(desk, api, monkeypatch):
    monkeypatch.setattr(reports, "PAGE_CAP", 5)
    desk.books = CloudflareBooks(NOW, [log(n) for n in range(60)])
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds, desk.faults.failing_requests = (
        2,
        None,
        2,
    )
    assert len(fetch(PROVIDER, "logs", api, window("2026-10-01", 1))[0].rows) == 60
    for endless, sentence in (
        (EndlessPaging.SAME_CURSOR, "in a circle"),
        (EndlessPaging.NEW_CURSORS, "do not end"),
    ):
        desk.faults.endless_paging = endless
        with pytest.raises(ProviderError, match=sentence):
            fetch(PROVIDER, "logs", api, window("2026-10-01", 1))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"success": False, "result": []}, "is no success"),
        ({"success": True, "result": []}, "how many items"),
        (
            {"success": True, "result": [{"id": 1}], "result_info": {"total_count": 1}},
            "lacks its `created_at`",
        ),
    ],
)
def test_an_answer_that_does_not_add_up_is_refused(api, body, sentence):
    api.faults[PATH] = [Answer(body=body)]
    with pytest.raises(ProviderError, match=sentence):
        fetch(PROVIDER, "logs", api, window("2026-10-01", 1))


@pytest.mark.parametrize("wrong", [{"account_id": "acme"}, {"gateways": " , "}, {"gateways": "a/b"}])
def test_a_form_that_cannot_be_right_is_refused(wrong):
    with pytest.raises(ValidationError):
        CloudflareCredentials(**{"api_token": "t", "account_id": ACCOUNT_ID, "gateways": "main", **wrong})
