"""CloudWatch's and Bedrock's answers (contract AWS §1.3): metrics listed, their points, inference profiles.

What belongs here: what a region lists and counts. What does not: who asks (`errors`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws_bedrock.books import BedrockDesk, InferenceProfile, MetricPoint
from sandbox.aws_bedrock.costs import page_of
from sandbox.aws_bedrock.errors import AwsRefusalError

LISTED_FOR = timedelta(days=14)
QUERIES_PER_CALL = 500

Body = dict[str, Any]


def list_metrics(desk: BedrockDesk, region: str, body: Body) -> Body:
    """Metrics of a namespace that had data in the last two weeks."""
    listed = {
        (point.metric, tuple(point.dimensions.items()))
        for point in desk.books.points
        if point.region == region
        and point.namespace == body["Namespace"]
        and desk.now - LISTED_FOR <= point.hour <= desk.now
    }
    items = [
        {
            "Namespace": body["Namespace"],
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
        }
        for metric, dimensions in sorted(listed)
    ]
    page, token = page_of(desk, body, "NextToken", items)
    return {"Metrics": page} | ({"NextToken": token} if token else {})


def metric_data(desk: BedrockDesk, region: str, body: Body) -> Body:
    """Points of each query, newest first unless asked otherwise; a long series is split over pages."""
    queries = body["MetricDataQueries"]
    if len(queries) > QUERIES_PER_CALL:
        raise AwsRefusalError(
            "ValidationError", "The collection MetricDataQueries must not have a size over 500."
        )
    start, end = (datetime.fromtimestamp(body[name], UTC) for name in ("StartTime", "EndTime"))
    points = [
        (query["Id"], point)
        for query in queries
        for point in _ordered(desk, region, body, query)
        if start <= point.hour < end
    ]
    page, token = page_of(desk, body, "NextToken", points)
    results = [_series(query["Id"], page, bool(token)) for query in queries]
    return {"MetricDataResults": results, "Messages": []} | ({"NextToken": token} if token else {})


def inference_profiles(desk: BedrockDesk, region: str, body: Body) -> Body:
    """The account's own profiles of a region."""
    items = [_profile(one) for one in desk.books.profiles if one.region == region]
    page, token = page_of(desk, body, "nextToken", items)
    return {"inferenceProfileSummaries": page} | ({"nextToken": token} if token else {})


def _ordered(desk: BedrockDesk, region: str, body: Body, query: Body) -> list[MetricPoint]:
    asked = query["MetricStat"]["Metric"]
    dimensions = {one["Name"]: one["Value"] for one in asked.get("Dimensions", [])}
    found = [
        point
        for point in desk.books.points
        if (point.region, point.namespace, point.metric) == (region, asked["Namespace"], asked["MetricName"])
        and point.dimensions == dimensions
    ]
    is_ascending = body.get("ScanBy") == "TimestampAscending"
    return sorted(found, key=lambda point: point.hour, reverse=not is_ascending)


def _series(query_id: str, page: list[tuple[str, MetricPoint]], more: bool) -> Body:
    points = [point for identifier, point in page if identifier == query_id]
    return {
        "Id": query_id,
        "Label": query_id,
        "Timestamps": [point.hour.timestamp() for point in points],
        "Values": [float(point.value) for point in points],
        "StatusCode": "PartialData" if more else "Complete",
    }


def _profile(profile: InferenceProfile) -> Body:
    model = f"arn:aws:bedrock:{profile.region}::foundation-model/{profile.model_id}"
    return {
        "inferenceProfileArn": profile.arn,
        "inferenceProfileId": profile.profile_id,
        "inferenceProfileName": profile.name,
        "models": [{"modelArn": model}],
        "status": "ACTIVE",
        "type": "APPLICATION",
    }
