"""What CloudWatch counted for Bedrock per hour, region and model: calls, tokens, images.

What belongs here: which metrics are asked for, by which dimensions, and their points as rows (contract AWS §1.3).
What does not: calling (`client.py`), what a metric means for the bill (staging).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt_sources.aws_bedrock.client import AwsClient
from dlt_sources.aws_bedrock.tables import TOKEN_METRICS
from dlt_sources.buckets import midnight
from dlt_sources.contract import Fault, ProviderError, Row
from dlt_sources.errors import broken_contract

LISTED_FOR = timedelta(days=14)
"""How long ListMetrics remembers a metric without data."""
QUERIES_PER_CALL = 500
HOUR_SECONDS = 3_600


@dataclass(frozen=True)
class Namespace:
    """One of Bedrock's two namespaces, at the one set of dimensions that counts every call once."""

    name: str
    dimensions: dict[str, str]
    """Column by dimension."""
    metrics: tuple[tuple[str, ...], ...]
    """Metrics, each with its spellings: where a model has several, the first counts."""


NAMESPACES = (
    Namespace(
        "AWS/Bedrock",
        {"ModelId": "model_id"},
        (
            ("Invocations",),
            ("InputTokenCount",),
            ("OutputTokenCount",),
            ("CacheReadInputTokens", "CacheReadInputTokenCount"),
            ("CacheWriteInputTokens", "CacheWriteInputTokenCount"),
            ("OutputImageCount",),
        ),
    ),
    Namespace(
        "AWS/BedrockMantle",
        {"Model": "model_id", "Project": "project"},
        (("Inferences",), ("InputTokens",), ("OutputTokens",)),
    ),
)

Point = tuple[date, Row]


def still_listed(days: list[date], now: datetime) -> list[date]:
    """Those of the days whose metrics CloudWatch lists completely.

    A model that was silent for two weeks is listed no more, and asking about an older day would then wrongly
    find it unused.
    """
    return [day for day in days if midnight(day) >= now - LISTED_FOR]


def token_points(client: AwsClient, days: list[date]) -> Iterator[Point]:
    """Every hourly sum of a region on the days, as rows of `token_metrics`."""
    series = [one for namespace in NAMESPACES for one in _series(client, namespace)]
    for at in range(0, len(series), QUERIES_PER_CALL):
        yield from _points(client, series[at : at + QUERIES_PER_CALL], days)


def prove_reading(client: AwsClient, day: date) -> None:
    """Ask for one point, so that the right to read is proven where nothing was ever counted.

    Raises:
        ProviderError: `cloudwatch:GetMetricData` is not granted, or AWS fails.
    """
    probe = {"namespace": "AWS/Bedrock", "metric": "Invocations", "dimensions": [], "columns": {}}
    for _ in _points(client, [probe], [day]):
        pass


def _series(client: AwsClient, namespace: Namespace) -> list[dict[str, Any]]:
    """The metrics with data at exactly the namespace's dimensions."""
    listed: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for page in client.pages("ListMetrics", "NextToken", Namespace=namespace.name):
        for metric in page.get("Metrics", []):
            at = tuple(sorted((d["Name"], d["Value"]) for d in metric["Dimensions"]))
            if {name for name, _ in at} == set(namespace.dimensions):
                listed.setdefault(at, set()).add(metric["MetricName"])
    return [
        {
            "namespace": namespace.name,
            "metric": metric,
            "dimensions": [{"Name": name, "Value": value} for name, value in at],
            "columns": {namespace.dimensions[name]: value for name, value in at},
        }
        for at, names in sorted(listed.items())
        for spellings in namespace.metrics
        for metric in [spelling for spelling in spellings if spelling in names][:1]
    ]


def _points(client: AwsClient, series: list[dict[str, Any]], days: list[date]) -> Iterator[Point]:
    queries = [
        {
            "Id": f"m{n}",
            "ReturnData": True,
            "MetricStat": {
                "Metric": {
                    "Namespace": one["namespace"],
                    "MetricName": one["metric"],
                    "Dimensions": one["dimensions"],
                },
                "Period": HOUR_SECONDS,
                "Stat": "Sum",
            },
        }
        for n, one in enumerate(series)
    ]
    pages = client.pages(
        "GetMetricData",
        "NextToken",
        StartTime=midnight(days[0]),
        EndTime=midnight(days[-1] + timedelta(days=1)),
        ScanBy="TimestampAscending",
        MetricDataQueries=queries,
    )
    series_by_id = {query["Id"]: one for query, one in zip(queries, series, strict=True)}
    last_status: dict[str, str] = {}
    seen = set()
    for page in pages:
        for result in page.get("MetricDataResults", []):
            one = series_by_id.get(result["Id"])
            if one is None:
                raise broken_contract("CloudWatch answers for a metric that was not asked for.")
            last_status[result["Id"]] = result.get("StatusCode", "Complete")
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                if (result["Id"], at) in seen:
                    raise broken_contract(f"CloudWatch gives {one['metric']} at {at.isoformat()} twice.")
                seen.add((result["Id"], at))
                yield _point(client.region, one, at.astimezone(UTC), value)
    _refuse_incomplete(client, series, last_status)


def _point(region: str, one: dict[str, Any], at: datetime, value: float) -> Point:
    if at.minute or at.second or not value.is_integer():
        raise broken_contract(
            f"CloudWatch gives {value} for {one['metric']} at {at.isoformat()}: no hourly count."
        )
    item = {
        "region": region,
        "namespace": one["namespace"],
        "metric": one["metric"],
        "hour": at.hour,
        "value": int(value),
        **one["columns"],
    }
    return at.date(), TOKEN_METRICS.row(item)


def _refuse_incomplete(client: AwsClient, series: list[dict[str, Any]], last_status: dict[str, str]) -> None:
    """Fail unless every metric was answered to its end."""
    for identifier, status in last_status.items():
        if status == "Complete":
            continue
        metric = series[int(identifier[1:])]["metric"]
        sentence = f"CloudWatch did not give all of {metric} in {client.region} ({status})."
        if status == "Forbidden":
            raise ProviderError(
                Fault.PERMISSION, sentence, "Grant `cloudwatch:GetMetricData` on all resources in IAM."
            )
        raise ProviderError(Fault.UNAVAILABLE, sentence, "The next sync tries again.")
