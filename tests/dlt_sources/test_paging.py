"""Paging fails closed: an answer that does not add up is an error, never a shorter report."""

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.cursors import NextCursorPaginator, read_pages
from dlt_sources.errors import Api, find_provider_error
from dlt_sources.http import HeaderAuth, build_client
from tests.dlt_sources.conftest import QUICK
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import fetch, window

COSTS = "/v1/organizations/cost_report"


def bucket(day):
    return {"starting_at": f"{day}T00:00:00Z", "ending_at": "", "results": []}


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        ([{"data": [], "has_more": True, "next_page": None}], "no cursor"),
        ([{"data": [], "has_more": True}], "no cursor"),
        ([{"data": [], "has_more": True, "next_page": "a"}] * 2, "in a circle"),
        ([{"data": [], "has_more": True, "next_page": cursor} for cursor in "aba"], "in a circle"),
        ([{"data": [], "next_page": None}], "has_more"),
        ([{"has_more": False, "next_page": None}], "lacks its list `data`"),
        ([{"data": None, "has_more": False}], "lacks its list `data`"),
        ([{"data": ["a bucket"], "has_more": False}], "not an object"),
        ([{"data": [{"starting_at": "2026-10-01T00:00:00Z"}], "has_more": False}], "lacks its"),
        ([{"data": [{"starting_at": "yesterday", "results": []}], "has_more": False}], "lacks its"),
        (
            [{"data": [{"starting_at": "2026-10-01T05:00:00Z", "results": []}], "has_more": False}],
            "not midnight",
        ),
        ([{"data": [bucket("2026-10-09")], "has_more": False}], "not asked for"),
        ([{"data": [bucket("2026-10-01") | {"results": ["x"]}], "has_more": False}], "is not an object"),
    ],
)
def test_pages_that_do_not_add_up_are_refused_with_a_sentence(fake, anthropic_provider, pages, sentence):
    fake.faults[COSTS] = [Answer(body=page) for page in pages]
    with pytest.raises(ProviderError, match=sentence) as caught:
        fetch(anthropic_provider, "cost_report", fake)
    assert caught.value.fault is Fault.CONTRACT


def test_endless_paging_is_cut_off(fake, anthropic_provider):
    fake.faults[COSTS] = [
        Answer(body={"data": [], "has_more": True, "next_page": f"p{n}"}) for n in range(1100)
    ]
    with pytest.raises(ProviderError, match="do not end: 1000"):
        fetch(anthropic_provider, "cost_report", fake)
    assert len(fake.asked(COSTS)) == 1000


@pytest.mark.parametrize(
    ("cursors", "sentence"), [("abcdef", "do not end: 3"), ("aa", "in a circle"), ([7], "not text")]
)
def test_a_list_whose_last_page_lacks_its_cursor_is_read_to_its_end_or_refused(fake, cursors, sentence):
    client = build_client(Api("Any", "", ""), fake.url, HeaderAuth("x-key", "k"), "k", QUICK)
    fake.faults["/list"] = [Answer(body={"items": [], "next": cursor}) for cursor in cursors]
    paginator = NextCursorPaginator("next", cursor_param="after", page_cap=3)
    with pytest.raises(ProviderError, match=sentence):
        list(read_pages(client, "/list", paginator))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"data": [', b"[]", b'{"data": NaN}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_body_that_is_not_a_json_object_is_refused(fake, anthropic_provider, body):
    fake.faults[COSTS] = [Answer(body=body)]
    with pytest.raises(ProviderError, match="not a JSON object") as caught:
        fetch(anthropic_provider, "cost_report", fake)
    assert caught.value.fault is Fault.CONTRACT


def test_a_key_that_expires_between_two_pages_loads_nothing(fake, warehouse, openai_provider):
    path = "/v1/organization/costs"
    fake.put_example(path, "openai_costs_page1.json")
    fake.buckets_per_page = 1
    expired = Answer(401, payload("openai_error_401.json"), when=lambda query: "page" in query)
    fake.faults[path] = [expired]
    with pytest.raises(PipelineStepFailed) as caught:
        warehouse.pull(openai_provider, fake, window("2026-10-01", 3))
    error = find_provider_error(caught.value)
    assert error.fault is Fault.CREDENTIALS
    assert not warehouse.path.exists()

    warehouse.pull(openai_provider, fake, window("2026-10-01", 3))
    assert warehouse.current("openai", "costs", "count(*)") == [(6,)]
