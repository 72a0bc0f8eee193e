"""Every provider survives the same faults.

What a fault must give stands in `LASTING`: a `ProviderError` of that kind with a next step and no secret in it, out of
every report; nothing is recorded then, because a pull is loaded only once all of it was read; and once the fault is
over, the same reading gives what an undisturbed one gives.
"""

from collections import Counter
from dataclasses import replace

import pytest

from dlt_sources.contract import Fault, ProviderError
from sandbox.faults import Faults
from tests.conformance.small import HASTY, NOW, WINDOW, closed_days, provider
from tests.dlt_sources.test_failures import everything_said

TELLS_TODAY_ONLY = frozenset({"mistral", "deepseek"})
"""Providers that tell how things stand now, so that a day is the last look at it."""

FOREVER = 10**9
LASTING = {
    "401": (Faults(key_expires_after=0), Fault.CREDENTIALS),
    "429 with Retry-After": (
        Faults(rate_limited_requests=FOREVER, retry_after_seconds=0),
        Fault.RATE_LIMITED,
    ),
    "429 that asks for an hour": (
        Faults(rate_limited_requests=FOREVER, retry_after_seconds=3600),
        Fault.RATE_LIMITED,
    ),
    "429 without Retry-After": (
        Faults(rate_limited_requests=FOREVER, retry_after_seconds=None),
        Fault.RATE_LIMITED,
    ),
    "500": (Faults(failing_requests=FOREVER), Fault.UNAVAILABLE),
}
PASSING = {
    "429 with Retry-After": Faults(rate_limited_requests=2, retry_after_seconds=0),
    "429 without Retry-After": Faults(rate_limited_requests=2, retry_after_seconds=None),
    "500": Faults(failing_requests=2),
}


def failure(account, read) -> ProviderError:
    """The error that reading ends in: it says what to do, and no secret."""
    with pytest.raises(ProviderError) as caught:
        read()
    error = caught.value
    assert error.message
    assert error.next_step
    said = everything_said(error) + error.next_step
    assert not [secret for secret in account.secrets if secret in said]
    return error


def put(account, faults: Faults) -> None:
    account.small.desk.faults = replace(faults)


def reports_that_ask(account) -> list:
    """Reports that send requests for these days; one of times that are over sends none."""
    asking = []
    for report in account.provider.reports:
        account.small.desk.requests.clear()
        account.days(report)
        if account.small.desk.requests:
            asking.append(report)
    assert asking
    return asking


def text(days) -> dict:
    """Days with their rows in an order of their own."""
    return {day: Counter(map(repr, map(sorted, map(dict.items, rows)))) for day, rows in days.items()}


def all_text(tables) -> dict:
    return {name: text(days) for name, days in tables.items()}


def test_a_small_account_is_read_whole_and_an_empty_day_is_a_day(account):
    rights = account.provider.check(account.credentials)
    assert set(rights.readable) <= set(account.provider.tables)
    assert {report.name for report in account.provider.reports} <= set(rights.readable)
    found = {report.name: account.days(report) for report in account.provider.reports}
    for name, days in found.items():
        assert list(days) == sorted(days), f"{name} gives its days in disorder"
    if account.provider.name in TELLS_TODAY_ONLY:
        assert all(set(days) == {NOW.date()} for days in found.values())
        return
    whole = [days for days in found.values() if set(closed_days()) <= set(days)]
    assert whole, "no report gives every closed day of the window"
    assert any(days[WINDOW.start] == [] for days in whole), "the empty day is not given"
    assert any(all(days[day] for day in closed_days()[1:]) for days in whole), (
        "days with lines came without rows"
    )


def test_a_fault_that_stays_is_named_and_heals(account):
    before = all_text(account.everything())
    asking = reports_that_ask(account)
    for name, (faults, kind) in LASTING.items():
        for report in asking:
            put(account, faults)
            error = failure(account, lambda report=report: account.days(report))
            assert error.fault is kind, f"{name}, {report.name}: {error.message}"
    put(account, Faults())
    assert all_text(account.everything()) == before


def test_a_key_that_expires_while_it_reads_gives_nothing(account):
    for report in reports_that_ask(account):
        account.small.desk.requests.clear()
        account.days(report)
        put(account, Faults(key_expires_after=len(account.small.desk.requests) - 1))
        assert failure(account, lambda report=report: account.days(report)).fault is Fault.CREDENTIALS
        put(account, Faults())


def test_someone_who_may_not_read_is_told_which_right_is_missing(account):
    if account.small.weak_form is None:
        pytest.skip("every key of this provider may read everything")
    weak = account.provider.credentials(**account.small.weak_form(account.url))
    error = failure(account, lambda: account.provider.check(weak))
    assert error.fault is Fault.PERMISSION, error.message


def test_a_fault_that_passes_costs_nothing(account):
    before = all_text(account.everything())
    for faults in PASSING.values():
        put(account, faults)
        assert all_text(account.everything()) == before


def test_a_provider_that_does_not_answer_is_given_up(account):
    hasty = provider(account.name, HASTY)
    account.faults.delay_seconds = 0.5
    for report in hasty.reports[:1]:
        error = failure(account, lambda report=report: list(report.fetch(account.credentials, WINDOW)))
        assert error.fault is Fault.UNAVAILABLE, error.message
    account.faults.delay_seconds = 0.0
