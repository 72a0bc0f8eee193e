"""How tokens are fetched: Azure Monitor metrics per account, deployment and hour.

What belongs here: which metrics, and how their series become rows. What does not: fields (`tables.py`), which
accounts there are (`resources.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.azure_openai.management import monitor_api, objects_in, read_pages, signed_in
from dlt_sources.azure_openai.resources import metered_account_ids
from dlt_sources.azure_openai.tables import TOKEN_METRICS
from dlt_sources.buckets import Clock, begun_days, midnight, whole_days
from dlt_sources.contract import Day, Row, Window
from dlt_sources.errors import RequestRefusedError, broken_contract
from dlt_sources.http import Patience

API_VERSION = "2024-02-01"
DAYS_PER_QUESTION = 31
DAYS_KEPT = 93
"""Azure Monitor keeps no longer; an older day is not asked for, so that nothing is claimed about it (§3.3)."""
SERIES_LIMIT = 1_000
OPENAI_METRICS = ("ProcessedPromptTokens", "GeneratedTokens", "AzureOpenAIRequests")
NEWER_METRICS = (
    ("InputTokens", "OutputTokens", "ModelRequests"),
    ("cacheReadInputTokens", "ephemeral5mInputTokens", "ephemeral1hInputTokens"),
)
"""Metrics of newer accounts and of Claude deployments, which an account may not know (§3.3)."""
_DIMENSIONS = {"modeldeploymentname": "model_deployment_name", "modelname": "model_name"}


@dataclass(frozen=True)
class MetricsReader:
    """Reads token metrics with a given clock and patience."""

    clock: Clock
    patience: Patience

    def days(self, credentials: AzureCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window that Azure Monitor still keeps."""
        now = self.clock().astimezone(UTC).replace(microsecond=0)
        kept = now.date() - timedelta(days=DAYS_KEPT - 1)
        asked = [day for day in begun_days(window, now) if day >= kept]
        for at in range(0, len(asked), DAYS_PER_QUESTION):
            part = asked[at : at + DAYS_PER_QUESTION]
            yield from whole_days(part, self._rows(credentials, part, now), TOKEN_METRICS.table)

    def _rows(
        self, credentials: AzureCredentials, days: list[date], now: datetime
    ) -> Iterator[tuple[date, list[Row]]]:
        client = signed_in(credentials, monitor_api(credentials), self.patience)
        end = min(midnight(days[-1]) + timedelta(days=1), now)
        timespan = f"{midnight(days[0]):%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        for account_id in metered_account_ids(client, credentials):
            yield from _metric_rows(client, account_id, OPENAI_METRICS, timespan)
            for names in NEWER_METRICS:
                try:
                    rows = list(_metric_rows(client, account_id, names, timespan))
                except RequestRefusedError:
                    continue
                yield from rows


def _metric_rows(
    client: RESTClient, account_id: str, names: tuple[str, ...], timespan: str
) -> Iterator[tuple[date, list[Row]]]:
    """Hours of one account's metrics; an hour without a total has no data and is no row (§3.3)."""
    params = {
        "api-version": API_VERSION,
        "metricnames": ",".join(names),
        "timespan": timespan,
        "interval": "PT1H",
        "aggregation": "Total",
        "$filter": "ModelDeploymentName eq '*' and ModelName eq '*'",
        "top": SERIES_LIMIT,
        "AutoAdjustTimegrain": "false",
    }
    for body in read_pages(client, f"{account_id}/providers/Microsoft.Insights/metrics", params):
        for metric in objects_in(body, "value", account_id):
            name = _name(metric)
            if metric.get("errorCode", "Success") != "Success":
                raise broken_contract(f"Azure Monitor could not read metric {name} of {account_id}.")
            series = objects_in(metric, "timeseries", account_id)
            if len(series) >= SERIES_LIMIT:
                raise broken_contract(
                    f"Metric {name} of {account_id} has {SERIES_LIMIT} series or more: the answer is cut off."
                )
            for one in series:
                fixed = {"resource_id": account_id, "metric": name, "unit": metric.get("unit")}
                for dimension in objects_in(one, "metadatavalues", account_id):
                    label = _name(dimension).lower()
                    fixed[_DIMENSIONS.get(label, label)] = dimension.get("value")
                for point in objects_in(one, "data", account_id):
                    if point.get("total") is not None:
                        yield _hour(point), [_row(fixed, point)]


def _row(fixed: dict[str, Any], point: dict[str, Any]) -> Row:
    measured = {name: value for name, value in point.items() if name != "timeStamp"}
    return TOKEN_METRICS.row(fixed | measured | {"time_stamp": point["timeStamp"]})


def _name(item: dict[str, Any]) -> str:
    name = item.get("name")
    value = name.get("value") if isinstance(name, dict) else None
    if not isinstance(value, str):
        raise broken_contract("A metric or dimension of Azure Monitor has no name.")
    return value


def _hour(point: dict[str, Any]) -> date:
    try:
        return datetime.fromisoformat(point["timeStamp"]).astimezone(UTC).date()
    except (KeyError, TypeError, ValueError):
        raise broken_contract("A point of a metric has no `timeStamp`.") from None
