"""Passing failures are waited out, lasting ones become one sentence and a next step, and no secret is in
either."""

import pickle
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pydantic import ValidationError

from dlt_sources import openai
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.http import Patience, asked_wait
from dlt_sources.openai.reports import OpenAICredentials
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.fake_provider import ANTHROPIC_KEY, OPENAI_KEY, Answer, payload
from tests.dlt_sources.warehouse import fetch, window

COSTS = "/v1/organization/costs"
LIMITED = payload("openai_error_429.json")


def failure(provider, fake, table="costs", key=None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        fetch(provider, table, fake, key=key)
    return caught.value


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_passing_failures_are_tried_again(fake, openai_provider, status):
    fake.put_example(COSTS, "openai_costs_page1.json")
    fake.faults[COSTS] = [Answer(status, b"oops") for _ in range(5)]
    assert len(fetch(openai_provider, "costs", fake)[0].rows) == 6
    assert len(fake.requests) == 6


def test_six_tries_are_the_end(fake, openai_provider):
    fake.faults[COSTS] = [Answer(503, b"oops") for _ in range(9)]
    error = failure(openai_provider, fake)
    assert error.fault is Fault.UNAVAILABLE
    assert len(fake.requests) == 6


def test_a_rate_limit_that_stays_is_named(fake, openai_provider):
    fake.faults[COSTS] = [Answer(429, LIMITED) for _ in range(9)]
    error = failure(openai_provider, fake)
    assert error.fault is Fault.RATE_LIMITED
    assert "Rate limit reached" in error.message


@pytest.mark.parametrize(
    ("headers", "at_least"),
    [
        ({"Retry-After": "1"}, 1.0),
        ({"retry-after-ms": "300", "Retry-After": "60"}, 0.3),
        ({"Retry-After": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_wait_the_provider_asks_for_is_kept(fake, openai_provider, headers, at_least):
    fake.faults[COSTS] = [Answer(429, LIMITED, headers)]
    before = time.monotonic()
    fetch(openai_provider, "costs", fake)
    assert at_least <= time.monotonic() - before < at_least + 20


def test_a_wait_given_as_a_date_is_understood():
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 28 < asked_wait({"Retry-After": format_datetime(soon, usegmt=True)}) <= 30
    assert asked_wait({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert asked_wait({"Retry-After": "-5"}) is None


def test_a_wait_beyond_the_deadline_is_not_begun(fake, openai_provider):
    fake.faults[COSTS] = [Answer(429, LIMITED, {"Retry-After": "3600"})]
    before = time.monotonic()
    error = failure(openai_provider, fake)
    assert error.fault is Fault.RATE_LIMITED
    assert "asks to wait 3600" in error.message
    assert time.monotonic() - before < 60


def test_a_provider_that_never_answers_is_given_up(fake):
    hasty = openai.build_provider(clock=lambda: NOW, patience=Patience(2, 5.0, 0.1, 0.01, 0.02))
    fake.faults[COSTS] = [Answer(delay=0.4), Answer(delay=0.4)]
    error = failure(hasty, fake)
    assert error.fault is Fault.UNAVAILABLE
    assert "in time" in error.message
    assert len(fake.requests) == 2


def test_a_provider_that_is_not_there_is_unavailable():
    nowhere = OpenAICredentials(admin_key=OPENAI_KEY, base_url="http://127.0.0.1:9/v1")
    provider = openai.build_provider(clock=lambda: NOW, patience=QUICK)
    with pytest.raises(ProviderError, match="could not be reached") as caught:
        list(provider.reports[0].fetch(nowhere, window("2026-10-01", 1)))
    assert caught.value.fault is Fault.UNAVAILABLE


def test_a_body_cut_short_is_asked_for_again(fake, openai_provider):
    fake.faults[COSTS] = [Answer(200, b'{"data": []', {"Content-Length": "999", "Connection": "close"})]
    assert len(fetch(openai_provider, "costs", fake)) == 3


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (401, payload("openai_error_401.json"), Fault.CREDENTIALS),
        (401, b"", Fault.CREDENTIALS),
        (401, payload("openai_error_403_scope.json"), Fault.PERMISSION),
        (401, payload("openai_error_403_scope_string_form.json"), Fault.PERMISSION),
        (403, payload("openai_error_403_scope.json"), Fault.PERMISSION),
        (403, payload("openai_error_403_scope_string_form.json"), Fault.PERMISSION),
        (403, b"<html>no</html>", Fault.PERMISSION),
        (404, b"not here", Fault.CONTRACT),
    ],
)
def test_a_lasting_failure_is_not_tried_again_and_says_what_to_do(fake, openai_provider, status, body, fault):
    fake.faults[COSTS] = [Answer(status, body)]
    error = failure(openai_provider, fake)
    assert error.fault is fault
    assert len(fake.requests) == 1
    if fault is Fault.PERMISSION:
        assert "api.usage.read" in error.next_step
        assert "Admin keys" in error.next_step


@pytest.mark.parametrize(
    ("status", "name", "fault"), [(401, "401", Fault.CREDENTIALS), (403, "403", Fault.PERMISSION)]
)
def test_an_ordinary_anthropic_key_is_told_which_key_is_needed(fake, anthropic_provider, status, name, fault):
    fake.faults["/v1/organizations/cost_report"] = [Answer(status, payload(f"anthropic_error_{name}.json"))]
    error = failure(anthropic_provider, fake, "cost_report")
    assert error.fault is fault
    assert "sk-ant-admin01-" in error.next_step
    assert "request req_1" in error.message


def test_a_redirect_is_not_followed_with_the_key(fake, anthropic_provider):
    fake.faults["/v1/organizations/cost_report"] = [Answer(302, b"", {"Location": f"{fake.url}/elsewhere"})]
    assert failure(anthropic_provider, fake, "cost_report").fault is Fault.CONTRACT
    assert len(fake.requests) == 1


def everything_said(error: BaseException) -> str:
    """All text and state that hangs on an exception, its hidden context too."""
    said, seen = [], error
    while seen is not None:
        said += ["".join(traceback.format_exception(seen)), repr(seen), repr(vars(seen))]
        request = getattr(seen, "request", None)
        said.append(repr(getattr(request, "headers", "")))
        seen = seen.__cause__ or seen.__context__
    return "".join(said)


@pytest.mark.parametrize(
    "echo",
    ["Bad key {key}", "{key}", '{{"error": {{"message": "you sent Bearer {key}"}}}}', '{{"error": "{key}"}}'],
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500])
def test_a_key_that_the_provider_echoes_is_in_no_message(fake, openai_provider, status, echo, caplog):
    caplog.set_level("DEBUG")
    fake.faults[COSTS] = [
        Answer(status, echo.format(key=OPENAI_KEY).encode(), {"Retry-After": "0"}) for _ in range(6)
    ]
    error = failure(openai_provider, fake)
    said = everything_said(error) + caplog.text + error.next_step + str(pickle.dumps(error))
    assert "PLANTED" not in said


@pytest.mark.parametrize(
    "fault", [Answer(delay=1.0), Answer(200, b"x", {"Content-Length": "9", "Connection": "close"})]
)
def test_a_broken_connection_shows_no_key(fake, fault, caplog):
    caplog.set_level("DEBUG")
    hasty = openai.build_provider(clock=lambda: NOW, patience=Patience(1, 5.0, 0.1, 0.01, 0.02))
    fake.faults[COSTS] = [fault]
    assert "PLANTED" not in everything_said(failure(hasty, fake)) + caplog.text


@pytest.mark.parametrize("key", ["", "  ", "PLANTED\nX: 1", "PLANTED key", "PLANTEDé"])
def test_a_key_that_cannot_be_one_is_refused_unseen(key):
    with pytest.raises(ValidationError, match="one word") as caught:
        OpenAICredentials(admin_key=key)
    assert "PLANTED" not in str(caught.value)


@pytest.mark.parametrize("url", ["api.openai.com", "ftp://x", "https://user:pw@x", "https://x/v1?key=1", ""])
def test_a_base_url_that_cannot_be_one_is_refused(url):
    with pytest.raises(ValidationError, match="base URL looks like"):
        OpenAICredentials(admin_key="sk-admin-1", base_url=url)


def test_keys_are_not_in_the_repr_of_credentials():
    credentials = OpenAICredentials(admin_key=f"  {OPENAI_KEY}\n", base_url="https://example.com/v1/")
    assert "PLANTED" not in repr(credentials) + str(credentials) + credentials.model_dump_json()
    assert credentials.admin_key.get_secret_value() == OPENAI_KEY
    assert credentials.base_url == "https://example.com/v1"
    assert ANTHROPIC_KEY not in repr(credentials)
