"""AWS Bedrock against its contract page: recorded answers load exactly; services, pages, regions and record
types as documented; what AWS refuses is said in words."""

import json
import logging
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from dlt_sources import aws_bedrock
from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.http import Patience
from dlt_sources.spending import counted_requests
from sandbox.aws_bedrock.api import aws_bedrock_app
from sandbox.aws_bedrock.books import BedrockBooks, BedrockDesk, BilledLine, InferenceProfile, MetricPoint
from sandbox.faults import EndlessPaging
from tests.dlt_sources.conftest import NOW
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.test_failures import everything_said
from tests.dlt_sources.warehouse import Warehouse, fetch, window

PROVIDER = aws_bedrock.build_provider(clock=lambda: NOW, patience=Patience(tries=2, timeout=5.0))
DAY = date(2026, 10, 1)
RECENT = NOW.date() - timedelta(days=1)
BEDROCK, SONNET = "Amazon Bedrock", "Claude Sonnet 4.5 (Amazon Bedrock Edition)"
SONNET_INPUT = "USE1-MP:USE1_InputTokenCount-Units"
WRONG_SECRET = "PLANTEDwrong/0123456789"
COST = "ce:GetCostAndUsage us-east-1"


def line(amount, usage_type="USE1-NovaPro-input-tokens", service=BEDROCK, day=DAY, **more):
    return BilledLine(day, service, usage_type, Decimal(amount), Decimal(1), **more)


def point(value, metric="InputTokenCount", hour=3, region="us-east-1", **dimensions):
    namespace = "AWS/BedrockMantle" if "Model" in dimensions else "AWS/Bedrock"
    at = datetime(RECENT.year, RECENT.month, RECENT.day, hour, tzinfo=UTC)
    return MetricPoint(
        region, namespace, metric, dimensions or {"ModelId": "amazon.nova-pro-v1:0"}, at, value
    )


@pytest.fixture
def desk():
    desk = BedrockDesk(BedrockBooks(), NOW)
    desk.user.secret_access_key = "PLANTED+secret/0123456789abcdefghijklmnop"
    desk.role.secret_access_key = "PLANTED+role/0123456789abcdefghijklmnop"
    desk.role.session_token = "PLANTEDtoken"
    return desk


@pytest.fixture
def aws(desk):
    def credentials(key=None, **more):
        given = {
            "regions": "us-east-1",
            "access_key_id": desk.user.access_key_id,
            "secret_access_key": key or desk.user.secret_access_key,
            "endpoint_url": served.url,
        }
        return AwsBedrockCredentials(**given | more)

    with Served(aws_bedrock_app(desk)) as served:
        served.credentials = credentials
        yield served


def pulled(aws, table, days=3, start=DAY, **more):
    report = next(report for report in PROVIDER.reports if report.name == table)
    return list(report.fetch(aws.credentials(**more), window(start.isoformat(), days)))


def failure(aws, table="costs", **more) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        pulled(aws, table, 1, **more)
    return caught.value


def recorded(*names):
    return [Answer(body=payload(f"aws_bedrock_{name}.json")) for name in names]


def test_recorded_answers_load_with_every_digit(aws, tmp_path):
    warehouse = Warehouse(tmp_path)
    aws.faults["/"] = recorded("dimension_values", "costs_page1", "costs_page2", "costs_by_record_type")
    warehouse.pull(PROVIDER, aws, window("2026-10-01", 3), tables=("costs",))
    assert sorted(
        warehouse.current("aws_bedrock", "costs", "day, record_type, usage_type, unblended_cost_amount")
    ) == [
        (DAY, "Credit", None, "-0.5"),
        (DAY, "Tax", None, "0.19"),
        (DAY, "Usage", SONNET_INPUT, "1.5"),
        (DAY, "Usage", "USE1-NovaPro-input-tokens", "0.0101516483"),
        (date(2026, 10, 3), "Usage", "EU-NovaLite-output-tokens-batch", "0.00000000000123456"),
    ]
    net = "net_unblended_cost_amount, usage_quantity_amount, usage_quantity_unit, is_estimated"
    assert ("0.0091364835", "12.689", "N/A", True) in warehouse.current("aws_bedrock", "costs", net)
    assert warehouse.ask("select day, row_count from raw_aws_bedrock.pulled_days order by day") == [
        (DAY, 4),
        (date(2026, 10, 2), 0),
        (date(2026, 10, 3), 1),
    ]


def test_recorded_model_costs_lose_their_prefixes_and_what_is_no_model(aws):
    aws.faults["/"] = recorded("model_costs")
    first, second, _ = pulled(aws, "model_costs")
    assert [(row["model"], row["inference_type"], row["unblended_cost_amount"]) for row in first.rows] == [
        ("Claude Sonnet 5", "Input tokens", "1.5"),
        ("Claude Sonnet 5", "Output tokens", "2.25"),
    ]
    assert second.rows == []


def test_recorded_metrics_are_hourly_counts(aws):
    aws.faults["/"] = [*recorded("list_metrics"), Answer(body={"Metrics": []}), *recorded("metric_data")]
    [day] = pulled(aws, "token_metrics", 1, date(2026, 10, 9))
    assert [(row["hour"], row["value"], row["model_id"]) for row in day.rows] == [
        (1, 1000, "anthropic.claude-3-haiku-20240307-v1:0"),
        (2, 1001, "anthropic.claude-3-haiku-20240307-v1:0"),
    ]


def test_every_bedrock_service_is_found_and_nothing_else_of_the_account(aws, desk):
    desk.books.lines = [line("1"), line("2", SONNET_INPUT, SONNET), line("4", "BoxUsage", "Amazon EC2")]
    [day] = pulled(aws, "costs", 1)
    assert {row["service"]: row["unblended_cost_amount"] for row in day.rows} == {BEDROCK: "1", SONNET: "2"}


def test_usage_and_all_other_record_types_together_are_the_bill(aws, desk):
    kinds = {"Credit": "-5", "Tax": "0.19", "Refund": "-0.3", "Something unheard of": "7"}
    desk.books.lines = [line("1.000000000001")] + [
        line(amount, "", record_type=kind) for kind, amount in kinds.items()
    ]
    [day] = pulled(aws, "costs", 1)
    assert sum(Decimal(row["unblended_cost_amount"]) for row in day.rows) == Decimal("2.890000000001")
    assert {row["record_type"] for row in day.rows} == {"Usage", *kinds}


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_pages_gather_every_group_once_though_they_split_days(aws, desk, page_size):
    desk.page_size = page_size
    desk.books.lines = [
        line(f"{n}", f"USE1-M{n}-input-tokens", day=DAY + timedelta(days=n % 3)) for n in range(1, 11)
    ]
    days = pulled(aws, "costs")
    assert [len(day.rows) for day in days] == [3, 4, 3]
    assert sum(Decimal(row["unblended_cost_amount"]) for day in days for row in day.rows) == 55


def test_a_year_is_asked_for_in_quarters(aws, desk):
    desk.books.lines = [line("1", day=NOW.date() - timedelta(days=n)) for n in (0, 89, 90, 364)]
    days = pulled(aws, "costs", 365, NOW.date() - timedelta(days=364))
    assert len(days) == 365
    assert sum(len(day.rows) for day in days) == 4
    assert desk.calls.count(COST) == 2 * 3, "the quarter without a service name needs no question for costs"


def test_model_costs_leave_out_the_days_before_aws_told_models_apart(aws, desk):
    desk.books.lines = [
        line("1", model="Nova Pro", inference_type="Input tokens", day=date(2026, 9, 1)),
    ]
    days = pulled(aws, "model_costs", 3, date(2026, 8, 30))
    assert [(day.day, len(day.rows)) for day in days] == [(date(2026, 9, 1), 1)]


@pytest.mark.parametrize("error", ["data_unavailable", "validation"])
def test_model_costs_that_aws_refuses_to_tell_are_left_out_and_costs_are_an_error(aws, error):
    refusal = payload(f"aws_bedrock_error_{error}.json")
    aws.faults["/"] = [Answer(400, refusal)]
    assert pulled(aws, "model_costs") == []
    aws.faults["/"] = [Answer(400, refusal)]
    assert failure(aws).fault is Fault.CONTRACT


def test_every_region_is_read_and_one_set_of_dimensions_counts(aws, desk):
    desk.page_size = 1
    mantle = {"Model": "openai.gpt-oss-120b-1:0", "Project": "search"}
    desk.books.points = [
        point(100),
        point(101, hour=4),
        point(50, "Invocations"),
        point(7, region="eu-west-1"),
        point(9, "OutputTokens", **mantle),
        point(9, "TotalOutputTokens", Model="openai.gpt-oss-120b-1:0"),
        point(5, "OutputImageCount", ModelId="m", ImageSize="1024"),
        point(3, "CacheReadInputTokens", ModelId="m"),
        point(3, "CacheReadInputTokenCount", ModelId="m"),
    ]
    [day] = pulled(aws, "token_metrics", 1, RECENT, regions="us-east-1, eu-west-1")
    rows = [
        (row["region"], row["metric"], row["model_id"], row["project"], row["hour"], row["value"])
        for row in day.rows
    ]
    assert rows == [
        ("us-east-1", "Invocations", "amazon.nova-pro-v1:0", None, 3, 50),
        ("us-east-1", "InputTokenCount", "amazon.nova-pro-v1:0", None, 3, 100),
        ("us-east-1", "InputTokenCount", "amazon.nova-pro-v1:0", None, 4, 101),
        ("us-east-1", "CacheReadInputTokens", "m", None, 3, 3),
        ("us-east-1", "OutputTokens", "openai.gpt-oss-120b-1:0", "search", 3, 9),
        ("eu-west-1", "InputTokenCount", "amazon.nova-pro-v1:0", None, 3, 7),
    ]


def test_metrics_are_only_claimed_for_days_that_are_still_listed(aws):
    days = pulled(aws, "token_metrics", 30, NOW.date() - timedelta(days=29))
    assert [day.day for day in days] == [NOW.date() - timedelta(days=n) for n in range(13, -1, -1)]


def test_more_than_five_hundred_series_are_asked_for_in_parts(aws, desk):
    desk.books.points = [point(n, ModelId=f"m{n}") for n in range(501)]
    [day] = pulled(aws, "token_metrics", 1, RECENT)
    assert sum(row["value"] for row in day.rows) == sum(range(501))
    assert desk.calls.count("cloudwatch:GetMetricData us-east-1") == 2


@pytest.mark.parametrize(
    ("status", "fault"), [("InternalError", Fault.UNAVAILABLE), ("Forbidden", Fault.PERMISSION)]
)
def test_a_metric_that_is_not_given_to_its_end_stops_the_pull(aws, status, fault):
    cut = payload("aws_bedrock_metric_data.json")
    cut["MetricDataResults"][0]["StatusCode"] = status
    aws.faults["/"] = [*recorded("list_metrics"), Answer(body={"Metrics": []}), Answer(body=cut)]
    assert failure(aws, "token_metrics", start=date(2026, 10, 9)).fault is fault


def test_profiles_of_every_region_name_their_model(aws, desk):
    desk.page_size = 1
    desk.books.profiles = [
        InferenceProfile(region, f"p{n}", "Süd 東", "amazon.nova-pro-v1:0")
        for n, region in enumerate(("us-east-1", "us-east-1", "eu-west-1"))
    ]
    [dimension] = PROVIDER.dimensions
    found = list(dimension.fetch(aws.credentials(regions="us-east-1,eu-west-1")))
    assert [row["inference_profile_id"] for row in found] == ["p0", "p1", "p2"]
    assert json.loads(found[2]["models"]) == [
        "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-pro-v1:0"
    ]
    assert found[0]["inference_profile_name"] == "Süd 東"


def test_a_restated_day_a_vanished_line_and_an_emptied_day_are_each_believed(aws, desk, tmp_path):
    warehouse, days = Warehouse(tmp_path), window("2026-10-01", 3)
    desk.books.lines = [line("1.5"), line("2", SONNET_INPUT, SONNET), line("3", day=DAY + timedelta(days=1))]
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.money("aws_bedrock", "costs", "unblended_cost_amount") == Decimal("6.5")
    desk.books.lines = [line("1.25")]
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.money("aws_bedrock", "costs", "unblended_cost_amount") == Decimal("1.25")
    assert warehouse.ask("select count(*) from raw_aws_bedrock.costs") == [(4,)], (
        "what was said before is kept"
    )
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.ask("select count(*) from raw_aws_bedrock.costs") == [(4,)]


def test_a_metric_unheard_of_becomes_columns_and_amounts_as_numbers_keep_their_digits(aws, desk):
    desk.faults.extra_fields = {"ListCost": {"Amount": "9.9", "Unit": "USD"}}
    desk.amounts_as_numbers = True
    desk.books.lines = [line("0.1234567890123456789")]
    [day] = pulled(aws, "costs", 1)
    assert day.rows[0]["unblended_cost_amount"] == "0.1234567890123456789"
    assert json.loads(day.rows[0]["list_cost"]) == {"amount": "9.9", "unit": "USD"}


@pytest.mark.parametrize("kind", EndlessPaging)
def test_pages_that_never_end_or_repeat_stop_the_pull(aws, desk, kind):
    desk.books.lines = [line("1")]
    desk.faults.endless_paging = kind
    error = failure(aws, max_cost_requests=20)
    assert error.fault is Fault.CONTRACT
    assert len(desk.calls) <= 20


def test_a_page_that_repeats_under_a_new_token_is_not_counted_twice(aws):
    again = payload("aws_bedrock_costs_page1.json") | {"NextPageToken": "tok3"}
    aws.faults["/"] = [*recorded("dimension_values", "costs_page1"), Answer(body=again)]
    assert "on 2026-10-01 twice" in failure(aws).message


def test_a_sync_stops_at_its_budget_of_paid_requests_retries_included(aws, desk):
    desk.page_size = 1
    desk.books.lines = [line("1", f"USE1-M{n}-input-tokens") for n in range(20)]
    desk.faults.rate_limited_requests = 1
    error = failure(aws, max_cost_requests=7)
    assert "asked 7 times" in error.message
    assert "max_cost_requests" in error.next_step
    assert len(desk.requests) == 7


def test_temporary_credentials_are_signed_with_their_token_which_is_never_shown(aws, desk):
    desk.books.lines = [line("1")]
    role = desk.role
    given = {"key": role.secret_access_key, "access_key_id": role.access_key_id}
    assert len(pulled(aws, "costs", 1, session_token=role.session_token, **given)[0].rows) == 1
    role.denied_actions.add("ce:GetDimensionValues")
    assert role.session_token not in str(failure(aws, session_token=role.session_token, **given))
    assert failure(aws, session_token="PLANTEDother", **given).fault is Fault.CREDENTIALS


def test_the_tables_of_one_sync_share_its_budget_and_every_request_is_counted(aws, desk):
    desk.books.lines = [line("1")]
    with counted_requests() as spent:
        pulled(aws, "costs")
        pulled(aws, "token_metrics", 1, RECENT)
        assert (spent.by_kind["cost_explorer"], spent.request_count) == (3, len(desk.requests))
        desk.page_size = 1
        desk.books.lines = [line("1", f"USE1-M{n}-input-tokens") for n in range(20)]
        error = failure(aws, max_cost_requests=5)
    assert "asked 5 times in one sync" in error.message
    assert spent.by_kind["cost_explorer"] == 5
    assert spent.request_count == len(desk.requests)


def test_an_amount_that_is_missing_or_without_currency_stops_the_pull(aws):
    for metric, words in (({}, "lacks UnblendedCost"), ({"Amount": "1", "Unit": "N/A"}, "no currency")):
        page = payload("aws_bedrock_costs_page2.json")
        page["ResultsByTime"][0]["Groups"][0]["Metrics"]["UnblendedCost"] = metric
        aws.faults["/"] = [*recorded("dimension_values"), Answer(body=page)]
        assert words in failure(aws).message


@pytest.mark.parametrize("retry_after", [None, 1])
@pytest.mark.parametrize("table", ["costs", "token_metrics"])
def test_a_passing_throttle_is_waited_out_and_a_lasting_one_is_said(aws, desk, table, retry_after):
    desk.books.lines, desk.faults.retry_after_seconds = [line("1")], retry_after
    desk.faults.rate_limited_requests = 1
    assert len(pulled(aws, table, 1, RECENT)) == 1
    desk.faults.rate_limited_requests = 2
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


def test_an_aws_that_fails_is_asked_again_and_then_unavailable(aws, desk):
    desk.faults.failing_requests = 1
    assert len(pulled(aws, "costs", 1)) == 1
    desk.faults.failing_requests = 2
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


def test_an_aws_that_does_not_answer_or_is_not_there_is_unavailable(aws, desk):
    hasty = aws_bedrock.build_provider(lambda: NOW, Patience(tries=1, timeout=0.2))
    desk.faults.delay_seconds = 1.0
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
def test_the_one_action_that_is_missing_is_named(aws, desk, action):
    desk.user.denied_actions.add(action)
    with pytest.raises(ProviderError) as caught:
        PROVIDER.check(aws.credentials())
    assert caught.value.fault is Fault.PERMISSION
    assert f"`{action}`" in caught.value.message
    assert f"`{action}`" in caught.value.next_step


def test_without_the_right_to_list_profiles_everything_else_is_read(aws, desk):
    desk.user.denied_actions.add("bedrock:ListInferenceProfiles")
    assert PROVIDER.check(aws.credentials()).readable == ("costs", "model_costs", "token_metrics")


def test_a_role_is_assumed_with_its_external_id_and_reads_in_the_keys_stead(aws, desk):
    desk.external_id = "house-1"
    desk.user.denied_actions.add("ce:GetDimensionValues")
    desk.books.lines = [line("1")]
    [day] = pulled(aws, "costs", 1, role_arn=desk.role_arn, external_id="house-1")
    assert len(day.rows) == 1
    error = failure(aws, role_arn=desk.role_arn)
    assert error.fault is Fault.PERMISSION
    assert "`sts:AssumeRole`" in error.message


@pytest.mark.parametrize("table", ["costs", "token_metrics"])
def test_a_wrong_secret_is_a_credentials_fault_and_shown_nowhere(aws, table, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ProviderError) as caught:
        pulled(aws, table, 1, RECENT, key=WRONG_SECRET)
    assert caught.value.fault is Fault.CREDENTIALS
    assert "PLANTED" not in everything_said(caught.value) + caplog.text


def test_neither_a_role_nor_an_echo_puts_a_secret_into_a_log_or_message(aws, desk, caplog):
    caplog.set_level(logging.DEBUG)
    pulled(aws, "costs", 1, role_arn=desk.role_arn)
    echo = {"__type": "AccessDeniedException", "Message": f"you signed with {desk.user.secret_access_key}"}
    aws.faults["/"] = [Answer(400, echo)]
    assert "PLANTED" not in everything_said(failure(aws)) + caplog.text


def test_the_machines_own_aws_settings_decide_nothing(aws, desk, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "somebody-elses")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody-elses")
    desk.books.lines = [line("1")]
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
