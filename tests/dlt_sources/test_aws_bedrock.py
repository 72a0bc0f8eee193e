"""AWS Bedrock against its contract page: recorded answers load exactly; services, pages, regions and record types as
documented. What AWS refuses is in `test_aws_bedrock_failures`."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from dlt_sources.contract import Fault
from dlt_sources.spending import counted_requests
from sandbox.aws_bedrock.books import InferenceProfile
from sandbox.faults import EndlessPaging
from tests.dlt_sources.aws import (
    BEDROCK,
    COST,
    DAY,
    NOW,
    PROVIDER,
    RECENT,
    SONNET,
    SONNET_INPUT,
    failure,
    line,
    point,
    pulled,
    recorded,
)
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.warehouse import Warehouse, window


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


def test_every_bedrock_service_is_found_and_nothing_else_of_the_account(aws):
    aws.desk.books.lines = [line("1"), line("2", SONNET_INPUT, SONNET), line("4", "BoxUsage", "Amazon EC2")]
    [day] = pulled(aws, "costs", 1)
    assert {row["service"]: row["unblended_cost_amount"] for row in day.rows} == {BEDROCK: "1", SONNET: "2"}


def test_usage_and_all_other_record_types_together_are_the_bill(aws):
    kinds = {"Credit": "-5", "Tax": "0.19", "Refund": "-0.3", "Something unheard of": "7"}
    aws.desk.books.lines = [line("1.000000000001")] + [
        line(amount, "", record_type=kind) for kind, amount in kinds.items()
    ]
    [day] = pulled(aws, "costs", 1)
    assert sum(Decimal(row["unblended_cost_amount"]) for row in day.rows) == Decimal("2.890000000001")
    assert {row["record_type"] for row in day.rows} == {"Usage", *kinds}


@pytest.mark.parametrize("page_size", [1, 2, 3, 1000])
def test_pages_gather_every_group_once_though_they_split_days(aws, page_size):
    aws.desk.page_size = page_size
    aws.desk.books.lines = [
        line(f"{n}", f"USE1-M{n}-input-tokens", day=DAY + timedelta(days=n % 3)) for n in range(1, 11)
    ]
    days = pulled(aws, "costs")
    assert [len(day.rows) for day in days] == [3, 4, 3]
    assert sum(Decimal(row["unblended_cost_amount"]) for day in days for row in day.rows) == 55


def test_a_year_is_asked_for_in_quarters(aws):
    aws.desk.books.lines = [line("1", day=NOW.date() - timedelta(days=n)) for n in (0, 89, 90, 364)]
    days = pulled(aws, "costs", 365, NOW.date() - timedelta(days=364))
    assert len(days) == 365
    assert sum(len(day.rows) for day in days) == 4
    assert aws.desk.calls.count(COST) == 2 * 3, (
        "the quarter without a service name needs no question for costs"
    )


def test_model_costs_leave_out_the_days_before_aws_told_models_apart(aws):
    aws.desk.books.lines = [
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


def test_every_region_is_read_and_one_set_of_dimensions_counts(aws):
    aws.desk.page_size = 1
    mantle = {"Model": "openai.gpt-oss-120b-1:0", "Project": "search"}
    aws.desk.books.points = [
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


def test_more_than_five_hundred_series_are_asked_for_in_parts(aws):
    aws.desk.books.points = [point(n, ModelId=f"m{n}") for n in range(501)]
    [day] = pulled(aws, "token_metrics", 1, RECENT)
    assert sum(row["value"] for row in day.rows) == sum(range(501))
    assert aws.desk.calls.count("cloudwatch:GetMetricData us-east-1") == 2


@pytest.mark.parametrize(
    ("status", "fault"), [("InternalError", Fault.UNAVAILABLE), ("Forbidden", Fault.PERMISSION)]
)
def test_a_metric_that_is_not_given_to_its_end_stops_the_pull(aws, status, fault):
    cut = payload("aws_bedrock_metric_data.json")
    cut["MetricDataResults"][0]["StatusCode"] = status
    aws.faults["/"] = [*recorded("list_metrics"), Answer(body={"Metrics": []}), Answer(body=cut)]
    assert failure(aws, "token_metrics", start=date(2026, 10, 9)).fault is fault


def test_profiles_of_every_region_name_their_model(aws):
    aws.desk.page_size = 1
    aws.desk.books.profiles = [
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


def test_a_restated_day_a_vanished_line_and_an_emptied_day_are_each_believed(aws, tmp_path):
    warehouse, days = Warehouse(tmp_path), window("2026-10-01", 3)
    aws.desk.books.lines = [
        line("1.5"),
        line("2", SONNET_INPUT, SONNET),
        line("3", day=DAY + timedelta(days=1)),
    ]
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.money("aws_bedrock", "costs", "unblended_cost_amount") == Decimal("6.5")
    aws.desk.books.lines = [line("1.25")]
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.money("aws_bedrock", "costs", "unblended_cost_amount") == Decimal("1.25")
    assert warehouse.ask("select count(*) from raw_aws_bedrock.costs") == [(4,)], (
        "what was said before is kept"
    )
    warehouse.pull(PROVIDER, aws, days, tables=("costs",))
    assert warehouse.ask("select count(*) from raw_aws_bedrock.costs") == [(4,)]


def test_a_metric_unheard_of_becomes_columns_and_amounts_as_numbers_keep_their_digits(aws):
    aws.desk.faults.extra_fields = {"ListCost": {"Amount": "9.9", "Unit": "USD"}}
    aws.desk.amounts_as_numbers = True
    aws.desk.books.lines = [line("0.1234567890123456789")]
    [day] = pulled(aws, "costs", 1)
    assert day.rows[0]["unblended_cost_amount"] == "0.1234567890123456789"
    assert json.loads(day.rows[0]["list_cost"]) == {"amount": "9.9", "unit": "USD"}


@pytest.mark.parametrize("kind", EndlessPaging)
def test_pages_that_never_end_or_repeat_stop_the_pull(aws, kind):
    aws.desk.books.lines = [line("1")]
    aws.desk.faults.endless_paging = kind
    error = failure(aws, max_cost_requests=20)
    assert error.fault is Fault.CONTRACT
    assert len(aws.desk.calls) <= 20


def test_a_page_that_repeats_under_a_new_token_is_not_counted_twice(aws):
    again = payload("aws_bedrock_costs_page1.json") | {"NextPageToken": "tok3"}
    aws.faults["/"] = [*recorded("dimension_values", "costs_page1"), Answer(body=again)]
    assert "on 2026-10-01 twice" in failure(aws).message


def test_a_sync_stops_at_its_budget_of_paid_requests_retries_included(aws):
    aws.desk.page_size = 1
    aws.desk.books.lines = [line("1", f"USE1-M{n}-input-tokens") for n in range(20)]
    aws.desk.faults.rate_limited_requests = 1
    error = failure(aws, max_cost_requests=7)
    assert "asked 7 times" in error.message
    assert "max_cost_requests" in error.next_step
    assert len(aws.desk.requests) == 7


def test_temporary_credentials_are_signed_with_their_token_which_is_never_shown(aws):
    aws.desk.books.lines = [line("1")]
    role = aws.desk.role
    given = {"key": role.secret_access_key, "access_key_id": role.access_key_id}
    assert len(pulled(aws, "costs", 1, session_token=role.session_token, **given)[0].rows) == 1
    role.denied_actions.add("ce:GetDimensionValues")
    assert role.session_token not in str(failure(aws, session_token=role.session_token, **given))
    assert failure(aws, session_token="PLANTEDother", **given).fault is Fault.CREDENTIALS


def test_the_tables_of_one_sync_share_its_budget_and_every_request_is_counted(aws):
    aws.desk.books.lines = [line("1")]
    with counted_requests() as spent:
        pulled(aws, "costs")
        pulled(aws, "token_metrics", 1, RECENT)
        assert (spent.by_kind["cost_explorer"], spent.request_count) == (3, len(aws.desk.requests))
        aws.desk.page_size = 1
        aws.desk.books.lines = [line("1", f"USE1-M{n}-input-tokens") for n in range(20)]
        error = failure(aws, max_cost_requests=5)
    assert "asked 5 times in one sync" in error.message
    assert spent.by_kind["cost_explorer"] == 5
    assert spent.request_count == len(aws.desk.requests)
