"""Google refusing, failing and misleading: roles named, limits waited out, pages that must add up, keys unseen."""

import json
import traceback

import pytest
from pydantic import ValidationError

from dlt_sources.contract import Fault, ProviderError
from sandbox.faults import EndlessPaging
from sandbox.google.books import DATA_VIEWER, JOB_USER, MONITORING_VIEWER, ServiceAccount, TokenPoint
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.google import ACCOUNT, PROVIDER, QUERIES, SERIES, TABLE, TOKEN, Google, at, line

TOKENS = {"report": "token_metrics", "monitored_projects": "ml-prod"}


@pytest.fixture(scope="module")
def server():
    with Google() as server:
        yield server


@pytest.fixture
def google(server):
    """The server with one line, and without answers and requests of the tests before."""
    server.desk.__init__(account=server.desk.account)
    server.faults.clear()
    server.requests.clear()
    server.show(line("1"))
    return server


def answer(name, status=200):
    return Answer(status, payload(f"google_{name}.json"))


def test_a_check_needs_every_role_and_names_where_to_grant_the_missing_one(google):
    everything = {JOB_USER, DATA_VIEWER, MONITORING_VIEWER}
    for role, report, place in (
        (JOB_USER, "costs", "tools-prod"),
        (DATA_VIEWER, "costs", "billing-prod.billing"),
        (MONITORING_VIEWER, "token_metrics", "ml-prod"),
    ):
        google.desk.roles = everything - {role}
        with pytest.raises(ProviderError, match=f"^{report}: ") as caught:
            PROVIDER.check(google.credentials(monitored_projects="ml-prod"))
        assert caught.value.fault is Fault.PERMISSION
        assert role in caught.value.next_step
        assert place in caught.value.next_step
        assert ACCOUNT.client_email in caught.value.next_step
    google.desk.roles = everything - {MONITORING_VIEWER}
    assert PROVIDER.check(google.credentials()).readable == PROVIDER.tables


def test_a_sign_in_that_is_refused_is_a_fault_of_the_form(google):
    google.faults["/token"] = [answer("error_400_invalid_grant", 400)]
    error = google.failure()
    assert error.fault is Fault.CREDENTIALS
    assert "Invalid JWT Signature" in error.message
    google.faults["/token"] = [Answer(body={"token_type": "Bearer"})]
    assert "without a token" in google.failure().message
    stranger = ServiceAccount(client_email="nobody@x.iam.gserviceaccount.com").key_file(f"{google.url}/token")
    error = google.failure(service_account_json=stranger)
    assert (error.fault, "account not found" in error.message) == (Fault.CREDENTIALS, True)


def test_an_export_that_is_not_there_is_a_state_of_its_own(google):
    error = google.failure(table="billing-prod.billing.gcp_billing_export_v1_000000_000000_000000")
    assert error.fault is Fault.CREDENTIALS
    assert "finds no export" in error.message
    assert "Billing export" in error.next_step
    assert "in the location EU" in google.failure(location="EU").message


def test_a_table_that_is_no_usage_cost_export_is_refused(google):
    body = payload("google_table.json")
    body["schema"]["fields"] = [f for f in body["schema"]["fields"] if f["name"] not in ("cost", "credits")]
    google.faults[TABLE] = [Answer(body=body)]
    error = google.failure()
    assert error.fault is Fault.CREDENTIALS
    assert "lacks cost, credits" in error.message


def test_a_query_that_would_cost_too_much_is_not_run(google):
    google.desk.bytes_per_line = 2**31
    assert google.rows(max_gib_billed=2)
    error = google.failure(max_gib_billed=1)
    assert "more than the 1 GiB" in error.message
    assert "max_gib_billed" in error.next_step


def test_a_query_that_bigquery_does_not_understand_is_a_broken_contract(google):
    google.faults[QUERIES] = [answer("error_400_invalid_query", 400)]
    error = google.failure()
    assert error.fault is Fault.CONTRACT
    assert "Unrecognized name" in error.message


@pytest.mark.parametrize(
    "passing",
    [
        answer("error_403_rate_limit", 403),
        Answer(429, payload("google_error_403_rate_limit.json")),
        Answer(429, payload("google_error_403_rate_limit.json"), {"Retry-After": "0"}),
        Answer(500),
        Answer(503, b"<html>"),
    ],
    ids=["403 with its reason", "429", "429 with a wait", "500", "503"],
)
def test_passing_failures_are_tried_again(google, passing):
    google.faults[TABLE] = [passing]
    google.faults[QUERIES] = [passing] * 2
    assert [row["amount"] for row in google.rows()] == ["1.0"]


def test_a_sign_in_that_fails_in_passing_is_tried_again(google):
    google.faults["/token"] = [Answer(503), Answer(429)]
    assert google.rows()


def test_failures_that_stay_are_named(google):
    google.desk.faults.failing_requests = 99
    assert google.failure().fault is Fault.UNAVAILABLE
    google.desk.faults.failing_requests = 0
    google.desk.faults.rate_limited_requests, google.desk.faults.retry_after_seconds = 99, None
    assert google.failure().fault is Fault.RATE_LIMITED
    google.desk.faults.rate_limited_requests = 0
    google.faults[QUERIES] = [answer("error_403_rate_limit", 403)] * 9
    assert google.failure().fault is Fault.RATE_LIMITED
    google.faults[QUERIES] = [answer("error_403_quota_exceeded", 403)]
    error = google.failure()
    assert error.fault is Fault.RATE_LIMITED
    assert "limits requests" in error.message
    assert "quota for query bytes" in error.message
    google.faults[QUERIES] = [answer("error_401", 401)]
    assert google.failure().fault is Fault.CREDENTIALS


@pytest.mark.parametrize("kind", list(EndlessPaging))
def test_endless_paging_ends(google, kind):
    google.desk.rows_per_page = 1
    google.show(line("1"), points=[TokenPoint(at(), "ml-prod", "gemini-2.5-pro", "input", 1)])
    google.desk.faults.endless_paging = kind
    assert google.failure().fault is Fault.CONTRACT
    assert google.failure(**TOKENS).fault is Fault.CONTRACT


def costs(**more):
    return payload("google_query_costs.json") | more


def with_cell(name, value):
    body = payload("google_query_costs.json")
    names = [field["name"] for field in body["schema"]["fields"]]
    body["rows"][0]["f"][names.index(name)]["v"] = value
    return body


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (costs(totalRows="2"), "has 2 rows, but its pages hold 1"),
        (costs(totalRows=None), "but its pages hold 1"),
        (costs(rows=None), "unreadably"),
        (costs(rows=[{"f": [{"v": "2026-11-20"}]}]), "unreadably"),
        (with_cell("day", "Friday"), "which day it is for"),
        (with_cell("day", "2026-11-27"), "without being asked for it"),
        (with_cell("amount", "dear"), "Field `amount` of a row of `costs` is not a number"),
        (with_cell("amount", "NaN"), "Field `amount` of a row of `costs` is not a number"),
        (with_cell("amount", None), "no amount"),
        (with_cell("currency", None), "no currency"),
        (with_cell("currency", "EUR") | {"totalRows": "1"}, None),
    ],
)
def test_answers_that_do_not_add_up_are_refused_with_a_sentence(google, body, sentence):
    google.faults[QUERIES] = [answer("query_days"), Answer(body=body)]
    if sentence is None:
        assert google.rows()[0]["currency"] == "EUR"
        return
    error = google.failure()
    assert sentence in error.message
    assert error.fault is Fault.CONTRACT


def test_a_job_that_is_done_without_a_result_is_not_taken_for_an_empty_one(google):
    job = {"jobReference": costs()["jobReference"], "status": {"state": "DONE"}}
    google.faults[QUERIES] = [Answer(body={**job, "jobComplete": False})]
    google.faults["/bigquery/v2/projects/tools-prod/jobs/job_abc"] = [Answer(body=job)]
    google.faults[f"{QUERIES}/job_abc"] = [Answer(body={**job, "jobComplete": True})]
    assert "without saying how many rows" in google.failure().message


def test_another_currency_without_a_rate_is_refused(google):
    google.show(line("1", currency="EUR", rate=None))
    assert "is in EUR and says no rate" in google.failure().message


A_DAY = {"startTime": "2026-11-20T01:00:00Z", "endTime": "2026-11-21T01:00:00Z"}


@pytest.mark.parametrize(
    "points", [None, [{"interval": {}}], [{"interval": A_DAY, "value": {"int64Value": "1"}}]]
)
def test_series_that_are_not_as_documented_are_refused(google, points):
    body = payload("google_time_series.json")
    body["timeSeries"][0]["points"] = points
    google.faults[SERIES] = [Answer(body=body)]
    assert "not as documented" in google.failure(**TOKENS).message


def test_a_series_that_comes_twice_is_refused(google):
    body = payload("google_time_series.json")
    body["timeSeries"] *= 2
    google.faults[SERIES] = [Answer(body=body)]
    assert "twice" in google.failure(**TOKENS).message


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("path", ["/token", TABLE, QUERIES, SERIES])
def test_neither_key_nor_token_is_in_any_message(google, status, path, caplog):
    caplog.set_level("DEBUG")
    key = json.loads(ACCOUNT.key_file("https://x"))["private_key"].splitlines()[5]
    google.faults[path] = [Answer(status, {"error": {"message": f"you sent Bearer {TOKEN}"}})]
    error = google.failure(**TOKENS if path == SERIES else {})
    said = "".join(traceback.format_exception(error)) + error.next_step + caplog.text
    assert "PLANTED" not in said
    assert key not in said
    assert key not in repr(google.credentials())


def key_file(**more):
    info = json.loads(ACCOUNT.key_file("https://oauth2.googleapis.com/token")) | more
    return json.dumps({name: value for name, value in info.items() if value is not None})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"service_account_json": "PLANTED"}, "no JSON"),
        ({"service_account_json": '["PLANTED"]'}, "not the key of a service account"),
        (
            {"service_account_json": key_file(type="authorized_user", note="PLANTED")},
            "not the key of a service",
        ),
        ({"service_account_json": key_file(client_email=None, note="PLANTED")}, "lacks client_email"),
        ({"service_account_json": key_file(private_key="PLANTED")}, "private_key is damaged"),
        ({"service_account_json": key_file(token_uri="PLANTED")}, "token_uri is no web address"),
        ({"table": "gcp_billing_export_v1"}, "a table looks like"),
        ({"table": "billing-prod.billing.t` WHERE TRUE --"}, "a table looks like"),
        ({"monitored_projects": "my project"}, "project ids look like"),
        ({"max_gib_billed": 0}, "greater than or equal to 1"),
    ],
)
def test_a_form_that_cannot_be_right_is_refused_unseen(google, wrong, sentence):
    with pytest.raises(ValidationError) as caught:
        google.credentials(**wrong)
    assert sentence in str(caught.value)
    assert "PLANTED" not in str(caught.value)


def test_no_credentials_or_addresses_of_the_machine_are_used(google, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another-project")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    assert [row["amount"] for row in google.rows()] == ["1.0"]
    assert google.asked(QUERIES)
