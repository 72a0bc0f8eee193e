"""What all small providers keep: their books' money to the last digit, every day once, and words for every refusal."""

from datetime import timedelta

import pytest

from dlt_sources.contract import Fault, ProviderError, Window
from tests.dlt_sources.accounts import ACCOUNTS, DAY, by_day, days_after
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.warehouse import Warehouse, fetch, window

DAYS = 12
DATED = sorted(ACCOUNTS.keys() - {"mistral"})
"""Providers that tell days; Mistral tells months."""
SECRET = "PLANTED-secret-0123456789"


@pytest.fixture
def account(request):
    return ACCOUNTS[request.param]


@pytest.fixture
def desk(account):
    desk = account.desk(account.books(DAY, DAYS, 7))
    desk.keys = type(desk.keys)(SECRET, f"{SECRET}-limited")
    return desk


@pytest.fixture
def served(account, desk):
    with account.served(desk) as served:
        yield served


def failure(account, served, key=None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(account.provider, account.report, served, window("2026-10-01", 2), key)
    return caught.value


@pytest.mark.parametrize("account", DATED, indirect=True)
def test_every_day_comes_once_with_the_money_of_the_books(account, desk, served):
    before = DAY - timedelta(days=1)
    days = fetch(account.provider, account.report, served, Window(before, DAY + timedelta(days=DAYS)))
    assert [day.day for day in days] == days_after(before, DAYS + 1)
    assert not days[0].rows
    told = {day.day: sum(map(account.amount, day.rows)) for day in days}
    assert {day: usd for day, usd in told.items() if usd} == by_day(desk.books.lines)
    assert sum(told.values()) == sum(desk.books.truth.values()) > 0


@pytest.mark.parametrize("account", sorted(ACCOUNTS), indirect=True)
def test_a_key_with_every_right_may_read_every_table(account, served):
    assert account.provider.check(served.credentials()).readable == account.provider.tables


@pytest.mark.parametrize("account", sorted(ACCOUNTS), indirect=True)
def test_a_key_without_rights_is_told_which_it_lacks_and_an_unknown_one_that_it_is(account, served):
    with pytest.raises(ProviderError) as caught:
        account.provider.check(served.credentials(f"{SECRET}-limited"))
    assert caught.value.fault is Fault.PERMISSION
    assert failure(account, served, key="nonsense").fault is Fault.CREDENTIALS
    for error in (caught.value, failure(account, served, key=f"{SECRET}-limited")):
        assert SECRET not in error.message + error.next_step
        assert "enter it here" in error.next_step


@pytest.mark.parametrize("account", sorted(ACCOUNTS), indirect=True)
def test_storms_are_waited_out_and_what_stays_is_named(account, desk, served):
    desk.faults.rate_limited_requests, desk.faults.retry_after_seconds = 2, 0
    desk.faults.failing_requests = 2
    today = Window(NOW.date() - timedelta(days=1), NOW.date() + timedelta(days=1))
    assert fetch(account.provider, account.report, served, today)
    desk.faults.rate_limited_requests = 99
    assert failure(account, served).fault is Fault.RATE_LIMITED
    desk.faults.rate_limited_requests, desk.faults.failing_requests = 0, 99
    assert failure(account, served).fault is Fault.UNAVAILABLE


@pytest.mark.parametrize("account", sorted(ACCOUNTS), indirect=True)
def test_all_tables_load_and_a_new_field_passes_through(account, desk, served, tmp_path):
    desk.faults.extra_fields = {"brandNew": "ü"}
    name = account.provider.name
    warehouse = Warehouse(tmp_path)
    warehouse.pull(account.provider, served, Window(DAY, NOW.date() + timedelta(days=1)))
    counted = warehouse.current(name, account.report, "count(*)")[0][0]
    pulled = warehouse.ask(
        f"select sum(row_count) from raw_{name}.pulled_days where report = '{account.report}'"
    )
    assert counted == pulled[0][0] > 0
