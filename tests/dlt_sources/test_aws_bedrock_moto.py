"""AWS Bedrock against moto, an AWS written by others, as far as it goes: CloudWatch, STS, Cost Explorer's costs."""

from datetime import UTC, date, datetime, timedelta

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from dlt_sources import aws_bedrock
from dlt_sources.aws_bedrock.client import open_account
from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.contract import Window
from dlt_sources.http import Patience
from tests.dlt_sources.fake_provider import payload

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
PATIENCE = Patience(tries=1, timeout=10.0)
PROVIDER = aws_bedrock.build_provider(lambda: NOW, PATIENCE)
KEY = {"access_key_id": "AKIAEXAMPLEEXAMPLE01", "secret_access_key": "PLANTEDsecret0123456789"}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def form(moto):
    requests.post(f"{moto}/moto-api/reset", timeout=5).raise_for_status()
    return AwsBedrockCredentials(regions="us-east-1, eu-west-1", endpoint_url=moto, **KEY)


def report(name):
    return next(report for report in PROVIDER.reports if report.name == name)


def test_cloudwatch_points_are_summed_by_hour_in_every_region(form, moto):
    day = NOW.date() - timedelta(days=2)
    at = datetime(day.year, day.month, day.day, 5, tzinfo=UTC)
    model = [{"Name": "ModelId", "Value": "anthropic.claude-3-haiku-20240307-v1:0"}]
    for region, values in {"us-east-1": [(0, 1000), (10, 1), (60, 7)], "eu-west-1": [(0, 5)]}.items():
        cloudwatch = boto3.client(
            "cloudwatch",
            region_name=region,
            endpoint_url=moto,
            aws_access_key_id=KEY["access_key_id"],
            aws_secret_access_key=KEY["secret_access_key"],
        )
        cloudwatch.put_metric_data(
            Namespace="AWS/Bedrock",
            MetricData=[
                {
                    "MetricName": "InputTokenCount",
                    "Dimensions": model,
                    "Timestamp": at + timedelta(minutes=minute),
                    "Value": value,
                }
                for minute, value in values
            ],
        )
    days = list(report("token_metrics").fetch(form, Window(day - timedelta(days=1), day + timedelta(days=1))))
    assert [(one.day, len(one.rows)) for one in days] == [(day - timedelta(days=1), 0), (day, 3)]
    assert {(row["region"], row["hour"], row["value"]) for row in days[1].rows} == {
        ("us-east-1", 5, 1001),
        ("us-east-1", 6, 7),
        ("eu-west-1", 5, 5),
    }


def test_cost_explorer_pages_are_read_to_the_end(form, moto):
    first, second = payload("aws_bedrock_model_costs.json"), payload("aws_bedrock_model_costs.json")
    second["ResultsByTime"] = []
    for group in first["ResultsByTime"][0]["Groups"][1:]:
        day = first["ResultsByTime"][0] | {"Groups": [group]}
        second["ResultsByTime"].append(day)
    first["ResultsByTime"][0]["Groups"] = first["ResultsByTime"][0]["Groups"][:1]
    results = {"results": [first | {"NextPageToken": "tok2"}, second]}
    requests.post(
        f"{moto}/moto-api/static/ce/cost-and-usage-results", json=results, timeout=5
    ).raise_for_status()
    days = list(report("model_costs").fetch(form, Window(date(2026, 10, 1), date(2026, 10, 3))))
    assert [row["unblended_cost_amount"] for row in days[0].rows] == ["1.5", "2.25"]
    assert days[1].rows == []


def test_the_account_is_known_for_a_key_and_for_an_assumed_role(form):
    account = open_account(form, PATIENCE)
    assert account.client("sts", "us-east-1").ask("GetCallerIdentity")["Account"] == "123456789012"
    assumed = open_account(
        form.model_copy(update={"role_arn": "arn:aws:iam::123456789012:role/costs"}), PATIENCE
    )
    arn = assumed.client("sts", "us-east-1").ask("GetCallerIdentity")["Arn"]
    assert arn == "arn:aws:sts::123456789012:assumed-role/costs/meterhouse"
