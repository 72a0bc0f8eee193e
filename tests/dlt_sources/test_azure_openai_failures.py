"""Azure refusing, failing and misleading: roles named, passing faults waited out, pages that must add up."""

import traceback
from datetime import date

import pytest
from pydantic import ValidationError

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.http import asked_wait
from sandbox.azure_openai.books import COST_READER, MONITORING_READER
from sandbox.faults import EndlessPaging
from tests.dlt_sources.azure import (
    LOGIN,
    METRICS,
    PROVIDER,
    QUERY,
    SECRET,
    SUBSCRIPTION,
    TOKEN,
    books,
    count,
    line,
    page,
)
from tests.dlt_sources.fake_provider import Answer, payload

LIMITED = payload("azure_openai_error_429.json")
ROW = [1, 1, 20261001, "/a", "m", "USD"]
NO_CURRENCY = [{"name": n} for n in ("Cost", "UsageDate", "ResourceId", "Meter")]


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        ([page("https://x/?$skiptoken=a", [ROW])] * 2, "in a circle"),
        ([page("https://x/?$skiptoken=a", [ROW]), page(None, [ROW])], "came twice under different links"),
        ([page("https://x/")], "no link"),
        ([page(5)], "no link"),
        ([{"properties": None}], "lacks its `properties.rows`"),
        ([page(rows=[], columns=None)], "lacks its list of objects `columns`"),
        ([page(columns=NO_CURRENCY)], "lacks its column `currency`"),
        ([page(rows=[ROW[:5]])], "one value for each of its columns"),
        ([page(rows=[[1, 1, 20261009, "/a", "m", "USD"]])], "not asked for"),
        ([page(rows=[[1, 1, "Monday", "/a", "m", "USD"]])], "not a day like 20261119"),
        ([page(rows=[["dear", 1, 20261001, "/a", "m", "USD"]])], "Field `cost` of a row of `costs` is not"),
        ([page(rows=[[None, 1, 20261001, "/a", "m", "USD"]])], "no amount"),
        ([page(rows=[[1, 1, 20261001, "/a", "m", None]])], "no currency"),
    ],
)
def test_pages_that_do_not_add_up_are_refused_with_a_sentence(azure, pages, sentence):
    azure.answers[QUERY] = [Answer(body=one) for one in pages]
    error = azure.failure()
    assert sentence in error.message
    assert error.fault is Fault.CONTRACT


@pytest.mark.parametrize("kind", list(EndlessPaging))
def test_endless_paging_ends(azure, kind):
    azure.desk.books = books(line("1"))
    azure.desk.faults.endless_paging = kind
    assert azure.failure().fault is Fault.CONTRACT


def test_a_series_list_that_was_cut_off_is_refused(azure):
    body = payload("azure_openai_metrics.json")
    body["value"][0]["timeseries"] *= 1000
    azure.answers[METRICS] = [Answer(body=body)]
    assert "cut off" in azure.failure("token_metrics").message


def test_a_check_needs_both_roles_and_names_the_one_that_is_missing(azure):
    azure.desk.books = books(line("1", date(2026, 10, 19)), counts=[count(3)])
    rights = PROVIDER.check(azure.credentials())
    assert rights.readable == PROVIDER.tables
    assert rights.account_id == f"subscriptions/{SUBSCRIPTION}"
    for role, report, other in (
        (COST_READER, "costs", MONITORING_READER),
        (MONITORING_READER, "token_metrics", COST_READER),
    ):
        azure.desk.roles = {other}
        with pytest.raises(ProviderError, match=f"^{report}: ") as caught:
            PROVIDER.check(azure.credentials())
        assert caught.value.fault is Fault.PERMISSION
        assert role in caught.value.next_step
        assert other not in caught.value.next_step
        assert SUBSCRIPTION in caught.value.next_step


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"client_secret": "wrong-PLANTED"}, "AADSTS7000215"),
        ({"client_id": "nobody"}, "AADSTS700016"),
        ({"tenant_id": "nowhere"}, "AADSTS90002"),
    ],
)
def test_a_sign_in_that_is_refused_is_a_fault_of_the_form(azure, more, code):
    error = azure.failure(**more)
    assert error.fault is Fault.CREDENTIALS
    assert code in error.message
    assert "App registrations" in error.next_step


def test_a_token_that_expires_is_a_credentials_fault(azure):
    azure.answers[QUERY] = [Answer(401, payload("azure_openai_error_401_expired.json"))]
    assert azure.failure().fault is Fault.CREDENTIALS


def test_an_endpoint_that_signs_in_without_a_token_is_refused(azure):
    azure.answers[LOGIN] = [Answer(body={"token_type": "Bearer"})]
    assert "without a token" in azure.failure().message


@pytest.mark.parametrize(
    ("status", "ending"), [(429, QUERY), (500, QUERY), (503, QUERY), (424, QUERY), (500, LOGIN)]
)
def test_passing_failures_are_tried_again(azure, status, ending):
    azure.desk.books = books(line("1"))
    azure.answers[ending] = [Answer(status, LIMITED) for _ in range(3)]
    assert azure.fetch(PROVIDER, "costs")[0].rows[0]["cost"] == "1"
    assert len(azure.asked(ending)) == 4


def test_failures_that_stay_are_named(azure):
    azure.desk.faults.failing_requests = 99
    assert azure.failure().fault is Fault.UNAVAILABLE
    azure.desk.faults.failing_requests = 0
    azure.answers[QUERY] = [Answer(429, LIMITED) for _ in range(9)]
    error = azure.failure()
    assert error.fault is Fault.RATE_LIMITED
    assert "Too many requests" in error.message
    azure.answers[QUERY] = [Answer(424, LIMITED) for _ in range(9)]
    assert azure.failure().fault is Fault.UNAVAILABLE


def test_the_longest_of_azures_waits_counts():
    quota = "x-ms-ratelimit-microsoft.costmanagement"
    waits = {
        f"{quota}-qpu-retry-after": "7",
        f"{quota}-entity-retry-after": "41",
        f"{quota}-qpu-remaining": "99",
    }
    assert asked_wait(waits) == 41
    assert asked_wait(waits | {"Retry-After": "60"}) == 60
    assert asked_wait({"x-ms-ratelimit-microsoft.consumption-retry-after": "3"}) == 3
    assert asked_wait({f"{quota}-qpu-remaining": "5"}) is None


def test_a_wait_for_a_quota_beyond_the_deadline_is_not_begun(azure):
    headers = {"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "3600"}
    azure.answers[QUERY] = [Answer(429, LIMITED, headers)]
    assert azure.failure().fault is Fault.RATE_LIMITED
    assert len(azure.bodies) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("ending", [LOGIN, QUERY, METRICS])
def test_neither_secret_nor_token_is_in_any_message(azure, status, ending, caplog):
    caplog.set_level("DEBUG")
    echo = {"error": {"message": f"you sent {TOKEN}"}}
    if ending == LOGIN:
        echo = {"error": "invalid_client", "error_description": f"you sent {SECRET}"}
    azure.answers[ending] = [Answer(status, echo) for _ in range(6)]
    error = azure.failure("token_metrics" if ending == METRICS else "costs")
    assert "PLANTED" not in "".join(traceback.format_exception(error)) + error.next_step + caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "my subscription"},
        {"scope": "subscriptions/a/providers/x"},
        {"resource_ids": "/subscriptions/a/resourceGroups/b"},
        {"tenant_id": "a b"},
        {"cost_column": "Amount"},
        {"client_secret": "two PLANTED words"},
    ],
)
def test_a_form_that_cannot_be_right_is_refused_unseen(azure, wrong):
    with pytest.raises(ValidationError) as caught:
        azure.credentials(**wrong)
    assert "PLANTED" not in str(caught.value)
