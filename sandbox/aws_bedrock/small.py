"""A small AWS account that uses Bedrock in one region."""

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from sandbox.aws_bedrock.api import aws_bedrock_app
from sandbox.aws_bedrock.books import BedrockBooks, BedrockDesk, BilledLine, InferenceProfile, MetricPoint
from sandbox.small import DAYS, Form, SmallServer, first_day

REGION = "us-east-1"
MODEL = "amazon.nova-pro-v1:0"


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = BedrockDesk(_books(now, seed), now)

    def restate() -> None:
        desk.books = _books(now, seed + 1)

    def form(url: str) -> Form:
        keys = {
            "access_key_id": desk.user.access_key_id,
            "secret_access_key": desk.user.secret_access_key,
        }
        return keys | {"regions": REGION, "endpoint_url": url}

    def weak_form(url: str) -> Form:
        actions = ("ce:GetCostAndUsage", "ce:GetDimensionValues", "cloudwatch:ListMetrics")
        desk.user.denied_actions.update(actions)
        return form(url)

    return SmallServer(aws_bedrock_app(desk), desk, form, weak_form, restate)


def _books(now: datetime, seed: int) -> BedrockBooks:
    chance = random.Random(seed)
    days = [first_day(now) + timedelta(days=number) for number in range(DAYS)]
    lines = [
        BilledLine(
            day,
            "Amazon Bedrock",
            usage_type,
            Decimal(chance.randint(1, 10**9)).scaleb(-9),
            Decimal(chance.randint(1, 10**6)).scaleb(-3),
        )
        for day in days
        for usage_type in ("USE1-NovaPro-input-tokens", "USE1-NovaPro-output-tokens")
    ]
    points = [
        MetricPoint(
            REGION,
            "AWS/Bedrock",
            metric,
            {"ModelId": MODEL},
            datetime.combine(day, time(3), UTC),
            chance.randint(1, 10**6),
        )
        for day in days
        for metric in ("InputTokenCount", "OutputTokenCount")
    ]
    return BedrockBooks(lines, points, [InferenceProfile(REGION, "p-1", "Zoë", MODEL)])
