"""Azure Monitor's token metrics (contract Azure §3.3).

What belongs here: series of hours per deployment and model. What does not: who may ask, and paths
(`api`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.azure_openai.books import AzureBooks

METRICS = ("ProcessedPromptTokens", "GeneratedTokens", "TokenTransaction", "AzureOpenAIRequests")
NEWER_METRICS = ("InputTokens", "OutputTokens", "TotalTokens", "ModelRequests")
CLAUDE_METRICS = ("cacheReadInputTokens", "ephemeral5mInputTokens", "ephemeral1hInputTokens")
MOST_NAMES = 20
DEFAULT_TOP = 10
_HOUR = timedelta(hours=1)


class BadMetricsError(Exception):
    """A question Azure Monitor refuses, in its words."""


def metrics_body(books: AzureBooks, account_id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Answer one question about an account; an hour in which nothing was counted has no total.

    Raises:
        BadMetricsError: If it asks for a metric the account does not have, or in a grain other than hours.
    """
    names = query["metricnames"].split(",")
    known = _known(books, account_id)
    unknown = [name for name in names if name not in known]
    if unknown or len(names) > MOST_NAMES:
        raise BadMetricsError(
            f"Failed to find metric configuration for provider: Microsoft.CognitiveServices, resource Type: "
            f"accounts, metric: {', '.join(unknown)}, Valid metrics: {','.join(known)}"
        )
    if query.get("interval") != "PT1H" or query.get("aggregation") != "Total":
        raise BadMetricsError("The sandbox counts totals by the hour only")
    start, end = map(datetime.fromisoformat, query["timespan"].split("/"))
    return {
        "cost": 0,
        "timespan": query["timespan"],
        "interval": "PT1H",
        "namespace": "Microsoft.CognitiveServices/accounts",
        "resourceregion": "eastus",
        "value": [
            {
                "id": f"{account_id}/providers/Microsoft.Insights/metrics/{name}",
                "type": "Microsoft.Insights/metrics",
                "name": {"value": name, "localizedValue": name},
                "unit": "Count",
                "errorCode": "Success",
                "timeseries": _series(books, account_id, name, start, end)[
                    : int(query.get("top", DEFAULT_TOP))
                ],
            }
            for name in names
        ],
    }


def _known(books: AzureBooks, account_id: str) -> list[str]:
    """The classic metrics, and of the newer ones those that are counted for the account."""
    counted = {count.metric for count in books.counts if count.account_id.lower() == account_id.lower()}
    known = list(METRICS)
    for family in (NEWER_METRICS, CLAUDE_METRICS):
        known += family if counted & set(family) else ()
    return known


def _series(
    books: AzureBooks, account_id: str, name: str, start: datetime, end: datetime
) -> list[dict[str, Any]]:
    totals: dict[tuple[str, str], dict[datetime, int]] = {}
    for count in books.counts:
        is_meant = count.metric == name and count.account_id.lower() == account_id.lower()
        if is_meant and start <= count.hour < end:
            hours = totals.setdefault((count.deployment, count.model), {})
            hours[count.hour] = hours.get(count.hour, 0) + count.total
    return [
        {
            "metadatavalues": [_dimension("modeldeploymentname", deployment), _dimension("modelname", model)],
            "data": [_point(hour, hours) for hour in _hours(start, end)],
        }
        for (deployment, model), hours in sorted(totals.items())
    ]


def _hours(start: datetime, end: datetime) -> list[datetime]:
    hours = []
    while start < end:
        hours.append(start)
        start += _HOUR
    return hours


def _point(hour: datetime, hours: dict[datetime, int]) -> dict[str, Any]:
    stamp = {"timeStamp": hour.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return stamp | ({"total": float(hours[hour])} if hour in hours else {})


def _dimension(name: str, value: str) -> dict[str, Any]:
    return {"name": {"value": name, "localizedValue": name}, "value": value}
