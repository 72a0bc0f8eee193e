"""Time series of Cloud Monitoring: token counts per hour, by model and type (contract Google §2.6).

What belongs here: one question answered from the books. What does not: HTTP (`api`).
"""

from datetime import datetime, timedelta
from typing import Any

from sandbox.google.books import TokenPoint

TOKEN_COUNT = "aiplatform.googleapis.com/publisher/online_serving/token_count"


def token_series(points: tuple[TokenPoint, ...], project: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    """One series per model and type, its points newest first."""
    if f'metric.type="{TOKEN_COUNT}"' not in asked["filter"]:
        return []
    start, end = (datetime.fromisoformat(asked[f"interval.{edge}Time"]) for edge in ("start", "end"))
    sums: dict[tuple[str, str], dict[datetime, int]] = {}
    for point in points:
        if point.project == project and start <= point.hour < end:
            hours = sums.setdefault((point.model, point.type), {})
            hours[point.hour] = hours.get(point.hour, 0) + point.value
    return [_series(project, *key, hours) for key, hours in sorted(sums.items())]


def _series(project: str, model: str, kind: str, hours: dict[datetime, int]) -> dict[str, Any]:
    return {
        "metric": {"type": TOKEN_COUNT, "labels": {"type": kind}},
        "resource": {
            "type": "aiplatform.googleapis.com/PublisherModel",
            "labels": {"model_user_id": model, "project_id": project},
        },
        "metricKind": "DELTA",
        "valueType": "INT64",
        "points": [
            {
                "interval": {"startTime": _instant(hour), "endTime": _instant(hour + timedelta(hours=1))},
                "value": {"int64Value": str(value)},
            }
            for hour, value in sorted(hours.items(), reverse=True)
        ],
    }


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
