"""A check reads every report with the requests a sync makes, and names what is missing."""

import pytest

from dlt_sources.contract import Fault, ProviderError
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import credentials_for, window

SCOPE = payload("openai_error_403_scope.json")


def test_an_admin_key_may_read_everything_for_one_bucket_each(fake, openai_provider):
    fake.lists["/v1/organization/projects"] = [{"id": "p1", "name": "One", "status": "active"}]
    rights = openai_provider.check(credentials_for(openai_provider, fake))
    assert rights.readable == openai_provider.tables
    buckets = [query for _, query in fake.requests if "start_time" in query]
    assert len(buckets) == 4
    assert all(int(q["end_time"][0]) - int(q["start_time"][0]) == 86400 for q in buckets)


def test_an_anthropic_admin_key_tells_whose_it_is(fake, anthropic_provider):
    rights = anthropic_provider.check(credentials_for(anthropic_provider, fake))
    assert (rights.account_id, rights.account_name) == ("org_01", "Example")
    assert rights.readable == anthropic_provider.tables


def test_a_project_key_authenticates_but_is_a_fault_with_the_next_step(fake, openai_provider):
    fake.faults["/v1/organization/costs"] = [Answer(403, SCOPE)]
    with pytest.raises(ProviderError, match=r"^costs: .*Missing scopes: api\.usage\.read") as caught:
        openai_provider.check(credentials_for(openai_provider, fake))
    assert caught.value.fault is Fault.PERMISSION
    assert "Organization settings → Admin keys" in caught.value.next_step
    assert "Usage: read" in caught.value.next_step


def test_the_one_report_that_is_missing_is_named(fake, openai_provider):
    fake.faults["/v1/organization/usage/embeddings"] = [Answer(403, SCOPE)]
    with pytest.raises(ProviderError, match=r"^usage_embeddings: "):
        openai_provider.check(credentials_for(openai_provider, fake))


def test_a_key_for_usage_alone_is_enough_and_its_pull_leaves_the_names_empty(
    fake, warehouse, openai_provider
):
    def no_names():
        fake.faults["/v1/organization/projects"] = [Answer(403, SCOPE) for _ in range(2)]

    no_names()
    rights = openai_provider.check(credentials_for(openai_provider, fake))
    assert rights.readable == ("costs", "usage_completions", "usage_embeddings", "usage_web_search_calls")

    no_names()
    fake.put_example("/v1/organization/costs", "openai_costs_page1.json")
    warehouse.pull(openai_provider, fake, window("2026-10-01", 1), tables=rights.readable)
    assert warehouse.current("openai", "costs", "count(*)") == [(6,)]
    assert warehouse.ask("select count(id), count(name) from raw_openai.projects") == [(0, 0)]


@pytest.mark.parametrize("name", ["openai_provider", "anthropic_provider"])
def test_a_wrong_key_is_a_credentials_fault(fake, request, name):
    provider = request.getfixturevalue(name)
    with pytest.raises(ProviderError) as caught:
        provider.check(credentials_for(provider, fake, key="sk-wrong"))
    assert caught.value.fault is Fault.CREDENTIALS
