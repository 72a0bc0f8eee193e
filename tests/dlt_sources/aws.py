"""An AWS account on loopback for the tests of Bedrock: its books, its credentials, and what is pulled from it."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from dlt_sources import aws_bedrock
from dlt_sources.aws_bedrock.form import AwsBedrockCredentials
from dlt_sources.contract import ProviderError
from dlt_sources.http import Patience
from sandbox.aws_bedrock.api import aws_bedrock_app
from sandbox.aws_bedrock.books import BedrockBooks, BedrockDesk, BilledLine, MetricPoint
from tests.dlt_sources.fake_provider import Answer, payload
from tests.dlt_sources.served import Served
from tests.dlt_sources.warehouse import window

NOW = datetime(2026, 10, 20, 12, 30, 15, 250_000, tzinfo=UTC)
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


def planted_desk():
    """An account whose secrets are known, so that they can be looked for."""
    desk = BedrockDesk(BedrockBooks(), NOW)
    desk.user.secret_access_key = "PLANTED+secret/0123456789abcdefghijklmnop"
    desk.role.secret_access_key = "PLANTED+role/0123456789abcdefghijklmnop"
    desk.role.session_token = "PLANTEDtoken"
    return desk


@contextlib.contextmanager
def served_aws():
    """It on loopback, with its `desk`, and `credentials` that fit."""
    desk = planted_desk()

    def credentials(key=None, **more):
        given = {
            "regions": "us-east-1",
            "access_key_id": desk.user.access_key_id,
            "secret_access_key": key or desk.user.secret_access_key,
            "endpoint_url": served.url,
        }
        return AwsBedrockCredentials(**given | more)

    with Served(aws_bedrock_app(desk)) as served:
        served.credentials, served.desk = credentials, desk
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
