"""What Cost Explorer bills for Bedrock per UTC day: by service and usage type, and by model.

What belongs here: questions to Cost Explorer, and its groups as rows (contract AWS §1.2). What does not: calling,
retrying, counting (`client.py`), what a usage type means (staging).
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from dlt_sources.aws_bedrock.client import AwsClient
from dlt_sources.aws_bedrock.tables import COSTS, METRICS, MODEL_COSTS
from dlt_sources.buckets import whole_days
from dlt_sources.contract import Day, Row
from dlt_sources.errors import RequestRefusedError, broken_contract
from dlt_sources.rows import RowShape, require_currency

REGION = "us-east-1"
"""Cost Explorer is global and answers here."""
DAYS_PER_QUESTION = 90
MODELS_SINCE = date(2026, 9, 1)
"""First day on which Cost Explorer can tell models apart."""

_CURSOR = "NextPageToken"
_USAGE = {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Usage"]}}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Bucket = tuple[date, list[Row]]


def cost_days(client: AwsClient, asked: list[date]) -> Iterator[Day]:
    """Days of `costs`: usage by service and usage type, everything else by service and record type.

    Usage and what is not usage are asked for apart, so that together they are the bill.
    """
    yield from whole_days(asked, _by_period(client, asked, _costs), "costs")


def model_cost_days(client: AwsClient, asked: list[date]) -> Iterator[Day]:
    """Days of `model_costs`, none before AWS tells models apart or while it refuses to.

    A day that cannot be known is left out: it is not empty.
    """
    known = [day for day in asked if day >= MODELS_SINCE]
    try:
        yield from whole_days(known, _by_period(client, known, _model_costs), "model_costs")
    except RequestRefusedError:
        return


def _by_period(client: AwsClient, asked: list[date], read: Any) -> Iterator[Bucket]:
    for at in range(0, len(asked), DAYS_PER_QUESTION):
        days = asked[at : at + DAYS_PER_QUESTION]
        period = {"Start": days[0].isoformat(), "End": (days[-1] + timedelta(days=1)).isoformat()}
        yield from read(client, period)


def _costs(client: AwsClient, period: dict[str, str]) -> Iterator[Bucket]:
    services = _bedrock_services(client, period)
    if not services:
        return
    among = {"Dimensions": {"Key": "SERVICE", "Values": services}}
    usage = {"And": [among, _USAGE]}
    for day, (service, usage_type), amounts in _groups(client, period, usage, ("SERVICE", "USAGE_TYPE")):
        yield _bucket(
            COSTS, day, amounts | {"service": service, "usage_type": usage_type, "record_type": "Usage"}
        )
    other = {"And": [among, {"Not": _USAGE}]}
    for day, (service, record_type), amounts in _groups(client, period, other, ("SERVICE", "RECORD_TYPE")):
        yield _bucket(COSTS, day, amounts | {"service": service, "record_type": record_type})


def _model_costs(client: AwsClient, period: dict[str, str]) -> Iterator[Bucket]:
    """Without a filter on services, as AWS asks; keys come as `model$Claude Sonnet 5`, or `model$` for none."""
    keys = ("model", "inferenceType")
    for day, pair, amounts in _groups(client, period, _USAGE, keys, "PRODUCT_ATTRIBUTE"):
        model, inference_type = (
            str(value).removeprefix(f"{key}$") or None for key, value in zip(keys, pair, strict=True)
        )
        if model or inference_type:
            yield _bucket(MODEL_COSTS, day, amounts | {"model": model, "inference_type": inference_type})


def _bedrock_services(client: AwsClient, period: dict[str, str]) -> list[str]:
    """Every service name Bedrock is billed under in the period: its own, and one per marketplace model."""
    pages = client.pages(
        "GetDimensionValues",
        _CURSOR,
        TimePeriod=period,
        Dimension="SERVICE",
        SearchString="Bedrock",
        Context="COST_AND_USAGE",
    )
    names = {value["Value"] for page in pages for value in _listed(page, "DimensionValues")}
    return sorted(name for name in names if "bedrock" in str(name).lower())


def _groups(
    client: AwsClient,
    period: dict[str, str],
    where: dict[str, Any],
    keys: tuple[str, str],
    kind: str = "DIMENSION",
) -> Iterator[tuple[date, tuple[str, str], Row]]:
    """Every group of every day: its two keys and its amounts; a day may lie on several pages, a group on one."""
    pages = client.pages(
        "GetCostAndUsage",
        _CURSOR,
        TimePeriod=period,
        Granularity="DAILY",
        Metrics=list(METRICS),
        GroupBy=[{"Type": kind, "Key": key} for key in keys],
        Filter=where,
    )
    seen = set()
    for page in pages:
        for result in _listed(page, "ResultsByTime"):
            day = _day(result)
            for group in result.get("Groups", []):
                pair = tuple(group.get("Keys", ()))
                if len(pair) != 2:
                    raise broken_contract(f"A group of Cost Explorer on {day} has {len(pair)} keys, not 2.")
                if (day, pair) in seen:
                    raise broken_contract(f"Cost Explorer lists {' / '.join(pair)} on {day} twice.")
                seen.add((day, pair))
                yield day, pair, _amounts(group, day) | {"is_estimated": result.get("Estimated")}


def _listed(page: dict[str, Any], name: str) -> list[dict[str, Any]]:
    if not isinstance(page.get(name), list):
        raise broken_contract(f"A page of Cost Explorer lacks its list `{name}`.")
    return list(page[name])


def _amounts(group: dict[str, Any], day: date) -> Row:
    """The metrics of a group, named as columns; all that were asked for are there."""
    metrics = group.get("Metrics", {})
    missing = [name for name in METRICS if "Amount" not in metrics.get(name, {})]
    if missing:
        raise broken_contract(f"A group of Cost Explorer on {day} lacks {', '.join(missing)}.")
    return {
        _CAMEL.sub("_", name).lower(): {part.lower(): value for part, value in metric.items()}
        for name, metric in metrics.items()
    }


def _bucket(shape: RowShape, day: date, item: Row) -> Bucket:
    row = require_currency(shape.row(item), "unblended_cost_amount", "unblended_cost_unit", shape.table)
    return day, [row]


def _day(result: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(result["TimePeriod"]["Start"][:10])
    except (KeyError, TypeError, ValueError):
        raise broken_contract("A result of Cost Explorer does not say which day it is for.") from None
