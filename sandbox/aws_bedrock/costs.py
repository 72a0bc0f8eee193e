"""Cost Explorer's answers (contract AWS §1.2): service names, and costs by two groupings.

What belongs here: filters, groupings, pages, refusals of Cost Explorer. What does not: who asks
(`errors`), where the lines come from.
"""

import json
import secrets
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sandbox.aws_bedrock.books import BedrockDesk, BilledLine
from sandbox.aws_bedrock.errors import AwsRefusalError
from sandbox.faults import EndlessPaging

MODELS_SINCE = date(2026, 9, 1)
_FIELDS = {"SERVICE": "service", "USAGE_TYPE": "usage_type", "RECORD_TYPE": "record_type"}
_ATTRIBUTES = {"model": "model", "inferenceType": "inference_type"}
_COSTS = frozenset({"UnblendedCost", "NetUnblendedCost", "AmortizedCost", "NetAmortizedCost", "BlendedCost"})

Body = dict[str, Any]


def dimension_values(desk: BedrockDesk, body: Body) -> Body:
    """Names of a dimension in a period that contain the search text."""
    start, end = _period(desk, body)
    name = _FIELDS[body["Dimension"]]
    values = {getattr(line, name) for line in desk.books.lines if start <= line.day < end}
    found = sorted(value for value in values if body.get("SearchString", "").lower() in value.lower())
    page, token = page_of(desk, body, "NextPageToken", found)
    answer = {
        "DimensionValues": [{"Value": value, "Attributes": {}} for value in page],
        "ReturnSize": len(page),
        "TotalSize": len(found),
    }
    return answer | ({"NextPageToken": token} if token else {})


def cost_and_usage(desk: BedrockDesk, body: Body) -> Body:
    """Amounts per day and group; a day may be split over pages."""
    start, end = _period(desk, body)
    groupings = body["GroupBy"]
    if len(groupings) > 2:
        raise AwsRefusalError("ValidationException", "At most 2 groupings are supported.")
    if any(one["Type"] == "PRODUCT_ATTRIBUTE" for one in groupings) and start < MODELS_SINCE:
        raise AwsRefusalError("DataUnavailableException", "Product attributes begin on 2026-09-01.")
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    units = [unit for day in days for unit in _units(desk, body, day)]
    page, token = page_of(desk, body, "NextPageToken", units)
    by_day: dict[date, list[Body]] = defaultdict(list)
    for day, group in page:
        by_day[day] += [group] if group else []
    answer = {
        "GroupDefinitions": groupings,
        "ResultsByTime": [_result(desk, day, groups) for day, groups in by_day.items()],
        "DimensionValueAttributes": [],
    }
    return answer | ({"NextPageToken": token} if token else {})


def page_of(desk: BedrockDesk, body: Body, name: str, items: list[Any]) -> tuple[list[Any], str | None]:
    """The page a question asks for, and the token of the next one; a token holds for its own question only."""
    question = json.dumps({key: value for key, value in body.items() if key != name}, sort_keys=True)
    at = 0
    if name in body:
        asked, at = desk.cursors.get(body[name], ("", 0))
        if not asked:
            raise AwsRefusalError("InvalidNextTokenException", "The pagination token is invalid.")
        if asked != question:
            raise AwsRefusalError("RequestChangedException", "The request parameters changed.")
    endless = desk.faults.endless_paging
    following = at if endless else at + desk.page_size
    if not endless and following >= len(items):
        return items[at:], None
    token = body.get(name) if endless is EndlessPaging.SAME_CURSOR else None
    token = token or secrets.token_urlsafe(12)
    desk.cursors[token] = (question, following)
    return items[at : at + desk.page_size], token


def _period(desk: BedrockDesk, body: Body) -> tuple[date, date]:
    start, end = (date.fromisoformat(body["TimePeriod"][name]) for name in ("Start", "End"))
    if not start < end or start > desk.now.date():
        raise AwsRefusalError(
            "ValidationException", "Start date must be before end date and not after today."
        )
    if start < (desk.now - timedelta(days=426)).date():
        raise AwsRefusalError("ValidationException", "You haven't enabled historical data beyond 14 months.")
    return start, end


def _units(desk: BedrockDesk, body: Body, day: date) -> list[tuple[date, Body | None]]:
    """The groups of a day, or the day alone when it has none."""
    grouped: dict[tuple[str, ...], list[BilledLine]] = defaultdict(list)
    for line in desk.books.lines:
        if line.day == day and _is_meant(body["Filter"], line):
            grouped[tuple(_key(one, line) for one in body["GroupBy"])].append(line)
    groups = [
        {"Keys": list(keys), "Metrics": _metrics(desk, body, lines)}
        for keys, lines in sorted(grouped.items())
    ]
    return [(day, group) for group in groups] or [(day, None)]


def _key(grouping: dict[str, str], line: BilledLine) -> str:
    if grouping["Type"] == "DIMENSION":
        return str(getattr(line, _FIELDS[grouping["Key"]]))
    name = _ATTRIBUTES.get(grouping["Key"])
    return f"{grouping['Key']}${(name and getattr(line, name)) or ''}"


def _is_meant(expression: Body, line: BilledLine) -> bool:
    if len(expression) != 1:
        raise AwsRefusalError("ValidationException", "Expression must have exactly one root.")
    [(root, inner)] = expression.items()
    if root == "And":
        return all(_is_meant(part, line) for part in inner)
    if root == "Not":
        return not _is_meant(inner, line)
    return getattr(line, _FIELDS[inner["Key"]]) in inner["Values"]


def _metrics(desk: BedrockDesk, body: Body, lines: list[BilledLine]) -> Body:
    amount = sum((line.amount for line in lines), Decimal(0))
    quantity = sum((line.quantity for line in lines), Decimal(0))

    def shown(value: Decimal) -> Decimal | str:
        return value if desk.amounts_as_numbers else f"{value:f}"

    return {
        name: {"Amount": shown(amount), "Unit": "USD"}
        if name in _COSTS
        else {"Amount": shown(quantity), "Unit": "N/A"}
        for name in body["Metrics"]
    } | desk.faults.extra_fields


def _result(desk: BedrockDesk, day: date, groups: list[Body]) -> Body:
    is_estimated = any(line.is_estimated for line in desk.books.lines if line.day == day)
    period = {"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()}
    return {"TimePeriod": period, "Total": {}, "Groups": groups, "Estimated": is_estimated}
