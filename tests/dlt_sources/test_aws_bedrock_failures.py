"""What AWS refuses, says wrongly or does not say is said in words, and no secret with it."""

import logging

import pytest
from pydantic import ValidationError

from dlt_sources import aws_bedrock
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.http import Patience
from tests.dlt_sources.aws import (
    NOW,
    PROVIDER,
    RECENT,
    WRONG_SECRET,
    failure,
    line,
    pulled,
    recorded,
)
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.test_failures import everything_said
from tests.dlt_sources.warehouse import fetch, window


def test_an_amount_that_is_missing_or_without_currency_stops_the_pull(aws):
    for metric, words in (({}, "lacks UnblendedCost"), ({"Amount": "1", "Unit": "N/A"}, "no currency")):
        page = payload("aws_bedrock_costs_page2.json")
        page["ResultsByTime"][0]["Groups"][0]["Metrics"]["UnblendedCost"] = metric
        aws.faults["/"] = [*recorded("dimension_values"), Answer(body=page)]
        assert words in failure(aws).message


@pytest.mark.parametrize("retry_after", [None, 1])
@pytest.mark.parametrize("table", ["costs", "token_metrics"])
def test_a_passing_throttle_is_waited_out_and_a_lasting_one_is_said(aws, table, retry_after):
    aws.desk.books.lines, aws.desk.faults.retry_after_seconds = [line("1")], retry_after
    aws.desk.faults.rate_limited_requests = 1
    assert len(pulled(aws, table, 1, RECENT)) == 1
    aws.desk.faults.rate_limited_requests = 2
    error = failure(aws, table, start=RECENT)
    assert error.fault is Fault.RATE_LIMITED
    assert "LimitExceededException" in error.message


@pytest.mark.parametrize(
    ("name", "fault", "tries"),
    [
        ("access_denied", Fault.PERMISSION, 1),
        ("unrecognized_client", Fault.CREDENTIALS, 1),
        ("limit_exceeded", Fault.RATE_LIMITED, 2),
        ("validation", Fault.CONTRACT, 1),
    ],
)
def test_recorded_refusals_are_understood_and_only_a_throttle_is_tried_again(aws, name, fault, tries):
    aws.faults["/"] = [Answer(400, payload(f"aws_bedrock_error_{name}.json"))] * 2
    error = failure(aws)
    assert error.fault is fault
    assert payload(f"aws_bedrock_error_{name}.json")["Message"].rstrip(".") in error.message
    assert len(aws.requests) == tries


def test_an_aws_that_fails_is_asked_again_and_then_unavailable(aws):
    aws.desk.faults.failing_requests = 1
    assert len(pulled(aws, "costs", 1)) == 1
    aws.desk.faults.failing_requests = 2
    assert failure(aws).fault is Fault.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.CREDENTIALS),
        (403, Fault.PERMISSION),
        (429, Fault.RATE_LIMITED),
        (503, Fault.UNAVAILABLE),
    ],
)
def test_a_bare_status_is_understood_without_a_body(aws, status, fault):
    aws.faults["/"] = [Answer(status, b""), Answer(status, b"")]
    assert failure(aws).fault is fault


@pytest.mark.parametrize(
    "body", [b"<html>welcome</html>", b"[]", b'{"ResultsByTime": [{}]}', b'{"a": 1', b"{}"]
)
def test_an_answer_that_is_not_as_documented_stops_the_pull(aws, body):
    aws.faults["/"] = [*recorded("dimension_values"), Answer(body=body), Answer(body=body)]
    assert failure(aws).fault is Fault.CONTRACT


@pytest.mark.parametrize("table", ["costs", "token_metrics"])
def test_a_page_of_html_is_no_empty_day(aws, table):
    aws.faults["/"] = [Answer(body=b"<html>welcome</html>")]
    assert failure(aws, table, start=RECENT).fault is Fault.CONTRACT


def test_an_aws_that_does_not_answer_or_is_not_there_is_unavailable(aws):
    hasty = aws_bedrock.build_provider(lambda: NOW, Patience(tries=1, timeout=0.2))
    aws.desk.faults.delay_seconds = 1.0
    with pytest.raises(ProviderError, match="in time") as late:
        list(hasty.reports[0].fetch(aws.credentials(), window("2026-10-01", 1)))
    nowhere = aws.credentials(endpoint_url="http://127.0.0.1:9")
    with pytest.raises(ProviderError, match="could not be reached") as gone:
        list(hasty.reports[0].fetch(nowhere, window("2026-10-01", 1)))
    assert late.value.fault is gone.value.fault is Fault.UNAVAILABLE


def test_a_check_tells_whose_account_it_is_and_what_may_be_read(aws):
    rights = PROVIDER.check(aws.credentials(regions="us-east-1,eu-west-1"))
    assert (rights.account_id, rights.readable) == ("123456789012", PROVIDER.tables)


@pytest.mark.parametrize(
    "action",
    ["ce:GetCostAndUsage", "ce:GetDimensionValues", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
)
def test_the_one_action_that_is_missing_is_named(aws, action):
    aws.desk.user.denied_actions.add(action)
    with pytest.raises(ProviderError) as caught:
        PROVIDER.check(aws.credentials())
    assert caught.value.fault is Fault.PERMISSION
    assert f"`{action}`" in caught.value.message
    assert f"`{action}`" in caught.value.next_step


def test_without_the_right_to_list_profiles_everything_else_is_read(aws):
    aws.desk.user.denied_actions.add("bedrock:ListInferenceProfiles")
    assert PROVIDER.check(aws.credentials()).readable == ("costs", "model_costs", "token_metrics")


def test_a_role_is_assumed_with_its_external_id_and_reads_in_the_keys_stead(aws):
    aws.desk.external_id = "house-1"
    aws.desk.user.denied_actions.add("ce:GetDimensionValues")
    aws.desk.books.lines = [line("1")]
    [day] = pulled(aws, "costs", 1, role_arn=aws.desk.role_arn, external_id="house-1")
    assert len(day.rows) == 1
    error = failure(aws, role_arn=aws.desk.role_arn)
    assert error.fault is Fault.PERMISSION
    assert "`sts:AssumeRole`" in error.message


@pytest.mark.parametrize("table", ["costs", "token_metrics"])
def test_a_wrong_secret_is_a_credentials_fault_and_shown_nowhere(aws, table, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ProviderError) as caught:
        pulled(aws, table, 1, RECENT, key=WRONG_SECRET)
    assert caught.value.fault is Fault.CREDENTIALS
    assert "PLANTED" not in everything_said(caught.value) + caplog.text


def test_neither_a_role_nor_an_echo_puts_a_secret_into_a_log_or_message(aws, caplog):
    caplog.set_level(logging.DEBUG)
    pulled(aws, "costs", 1, role_arn=aws.desk.role_arn)
    echo = {
        "__type": "AccessDeniedException",
        "Message": f"you signed with {aws.desk.user.secret_access_key}",
    }
    aws.faults["/"] = [Answer(400, echo)]
    assert "PLANTED" not in everything_said(failure(aws)) + caplog.text


def test_the_machines_own_aws_settings_decide_nothing(aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "somebody-elses")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    aws.desk.books.lines = [line("1")]
    assert len(pulled(aws, "costs", 1)[0].rows) == 1


def test_a_form_takes_several_regions_and_refuses_what_is_none(aws):
    assert aws.credentials(regions=" us-east-1,eu-west-1 us-east-1,").region_names == [
        "us-east-1",
        "eu-west-1",
    ]
    for wrong in ("", "Virginia", "us-east-1;eu"):
        with pytest.raises(ValidationError, match="regions look like"):
            aws.credentials(regions=wrong)


def test_secrets_are_not_in_the_repr_of_credentials(aws):
    assert "PLANTED" not in repr(aws.credentials()) + aws.credentials().model_dump_json()


def test_a_day_that_has_not_begun_is_not_claimed_to_be_empty(aws):
    assert [day.day for day in fetch(PROVIDER, "costs", aws, window("2026-10-20", 2))] == [NOW.date()]
