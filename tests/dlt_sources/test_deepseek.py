"""DeepSeek against its contract page: balances to the digit, and nothing that could be taken for a bill."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from dlt_sources import deepseek
from dlt_sources.contract import Fault, ProviderError, Window
from dlt_sources.deepseek.reports import BALANCE_PATH, DeepSeekCredentials
from sandbox.deepseek.api import DeepSeekDesk, deepseek_app, small_account
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import PAYLOADS, Answer
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import Warehouse, fetch, window

KEY = "sk-PLANTED-deepseek"
PROVIDER = deepseek.build_provider(clock=lambda: NOW, patience=QUICK)
TODAY = Window(NOW.date(), NOW.date() + timedelta(days=1))


@pytest.fixture
def desk():
    books, _ = small_account(NOW.date() - timedelta(days=3), 3, seed=1)
    return DeepSeekDesk(books, KEY)


@pytest.fixture
def api(desk):
    with Served(deepseek_app(desk)) as served:
        served.credentials = lambda key=None: DeepSeekCredentials(api_key=key or KEY, base_url=served.url)
        yield served


def test_the_recorded_answer_loads_with_every_digit(api, tmp_path):
    api.faults[BALANCE_PATH] = [Answer(body=(PAYLOADS / "deepseek_balance.json").read_bytes())]
    warehouse = Warehouse(tmp_path)
    warehouse.pull(PROVIDER, api, TODAY)
    columns = "day, currency, total_balance, granted_balance, topped_up_balance, is_available"
    assert warehouse.current("deepseek", "balances", columns) == [
        (NOW.date(), "USD", "110.00", "10.00", "100.00", True)
    ]


def test_a_balance_belongs_to_the_day_it_was_read_on_and_to_no_other(desk, api):
    assert fetch(PROVIDER, "balances", api, window("2026-10-01", 3)) == []
    (day,) = fetch(PROVIDER, "balances", api, TODAY)
    _, truth = small_account(NOW.date() - timedelta(days=3), 3, seed=1)
    assert {row["currency"]: Decimal(row["total_balance"]) for row in day.rows} == truth
    desk.books = replace(desk.books, balances=[])
    assert [day.rows for day in fetch(PROVIDER, "balances", api, TODAY)] == [[]]


def test_a_key_that_is_not_accepted_is_named_and_a_good_one_may_read(api):
    assert PROVIDER.check(api.credentials()).readable == ("balances",)
    with pytest.raises(ProviderError, match="Authentication Fails") as caught:
        PROVIDER.check(api.credentials("sk-wrong-0"))
    assert caught.value.fault is Fault.CREDENTIALS


def test_storms_are_waited_out(desk, api):
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds, desk.faults.failing_requests = (
        2,
        None,
        2,
    )
    assert len(fetch(PROVIDER, "balances", api, TODAY)) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "lacks its list `balance_infos`"),
        ({"balance_infos": [{"currency": "USD"}]}, "lacks its `total_balance`"),
        ({"balance_infos": [{"total_balance": "1"}]}, "no currency"),
        ({"balance_infos": [{"total_balance": "1,5", "currency": "USD"}]}, "Field `total_balance`"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_refused(api, body, sentence):
    api.faults[BALANCE_PATH] = [Answer(body=body)]
    with pytest.raises(ProviderError, match=sentence):
        fetch(PROVIDER, "balances", api, TODAY)
