"""Routine syncs: what is due is pulled and its requests are counted; what is not is left out and said."""

from dataclasses import replace
from datetime import timedelta

import requests

from dlt_sources.contract import Day, Report
from dlt_sources.registry import PROVIDERS
from dlt_sources.spending import count_request
from meterhouse.connections import registry, sync_log
from meterhouse.connections.sync import sync, sync_due
from tests.connections.fake_provider import GOOD_KEY, PROVIDER


def days(credentials, window):
    for day in window.days:
        count_request()
        requests.get(f"{credentials.base_url}/costs", timeout=10)
        yield Day(day, [])


def test_an_hourly_job_pulls_in_the_providers_own_rhythm_and_a_person_always(home, api, monkeypatch):
    daily = replace(
        PROVIDER,
        interval=timedelta(days=1),
        history=timedelta(days=2),
        reports=(Report("costs", "The costs.", {}, days),),
        dimensions=(),
    )
    monkeypatch.setitem(PROVIDERS, "fake", daily)
    connection = registry.add(
        home, "fake", "ours", {"admin_key": GOOD_KEY, "base_url": api.url}, is_checked=False
    )
    said = []
    first, second = sync_due(home, daily, said.append), sync_due(home, daily, said.append)
    assert [result.request_count for result in first.results] == [len(api.asked)] == [3]
    assert first.not_due == {}
    assert second.results == []
    assert list(second.not_due) == ["ours"]
    assert "ours: not due before" in said[-1]
    assert sync(home, connection).request_count == 3
    last, recent = sync_log.requests_spent(home, connection.id, connection.created_at)
    assert (last, recent) == (3, len(api.asked)) == (3, 6)
