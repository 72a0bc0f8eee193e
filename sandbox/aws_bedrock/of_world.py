"""AWS's books of the world: its charges as lines of usage types, its calls as metrics of each hour.

What belongs here: names, units and scales that AWS gives them (contract AWS §1.2, §1.3). What does not: amounts
(`sandbox.books`), answers (`costs`, `metrics`).
"""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

from sandbox.aws_bedrock.books import BedrockBooks, BilledLine, MetricPoint
from sandbox.books import Charge, hour_of
from sandbox.catalogue import BEDROCK_SONNET, Model
from sandbox.world import World

ACCOUNT = "aws_bedrock"
BEDROCK = "Amazon Bedrock"
REGION_CODES = {"us-east-1": "USE1", "eu-west-1": "EU"}
RECORD_TYPES = {"credit": "Credit", "tax": "Tax", "adjustment": "Refund"}
NATIVE_UNIT, MARKETPLACE_UNIT = Decimal(1_000), Decimal(1_000_000)
NATIVE_NAMES = {
    "input": "input-tokens",
    "output": "output-tokens",
    "cache_read": "cache-read-input-token-count",
}
MARKETPLACE_NAMES = {
    "input": "InputTokenCount",
    "output": "OutputTokenCount",
    "cache_read": "CacheReadInputTokenCount",
    "cache_write_5m": "CacheWriteInputTokenCount",
}
METRICS = {
    "input": "InputTokenCount",
    "output": "OutputTokenCount",
    "cache_read": "CacheReadInputTokens",
    "cache_write_5m": "CacheWriteInputTokens",
}


def bedrock_books(world: World) -> BedrockBooks:
    """What AWS shows of the world."""
    charges = [charge for charge in world.charges if charge.account == ACCOUNT]
    return BedrockBooks(lines=_lines(charges), points=_points(world))


def _lines(charges: list[Charge]) -> list[BilledLine]:
    grouped: dict[tuple[date, str, str, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        grouped[charge.booked_at.date(), *_named(charge)].append(charge)
    return [
        BilledLine(
            day,
            service,
            usage_type,
            amount=sum((charge.amount_usd for charge in part), Decimal(0)),
            quantity=sum(charge.quantity or 0 for charge in part) / _unit(part[0].model),
            record_type=record_type,
            model=part[0].model.title if part[0].model else None,
            inference_type=part[0].tier,
        )
        for (day, service, usage_type, record_type), part in grouped.items()
    ]


def _named(charge: Charge) -> tuple[str, str, str]:
    """Service, usage type and record type of the line a charge is part of."""
    model, region = charge.model, charge.region
    if model is None or charge.token_type is None or region is None:
        return BEDROCK, "", RECORD_TYPES[charge.category]
    code = REGION_CODES[region]
    if model is BEDROCK_SONNET:
        return model.billed, f"{code}-MP:{code}_{MARKETPLACE_NAMES[charge.token_type]}-Units", "Usage"
    batch = "-batch" if charge.tier == "batch" else ""
    return BEDROCK, f"{code}-{model.billed}-{NATIVE_NAMES[charge.token_type]}{batch}", "Usage"


def _unit(model: Model | None) -> Decimal:
    return MARKETPLACE_UNIT if model is BEDROCK_SONNET else NATIVE_UNIT


def _points(world: World) -> list[MetricPoint]:
    sums: dict[tuple[str, str, str, datetime], int] = defaultdict(int)
    for call in world.calls:
        service = call.service
        if service.space.account != ACCOUNT or service.tier == "batch":
            continue
        hour = hour_of(call.started_at)
        place = (service.space.region or "", service.model.asked.rpartition("/")[2])
        sums[*place, "Invocations", hour] += 1
        for token_type, quantity in call.quantities.items():
            sums[*place, METRICS[token_type], hour] += quantity
    return [
        MetricPoint(region, "AWS/Bedrock", metric, {"ModelId": model_id}, hour, value)
        for (region, model_id, metric, hour), value in sums.items()
    ]
