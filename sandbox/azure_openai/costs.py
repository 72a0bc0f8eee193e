"""Azure's cost queries (contract Azure §3.2).

What belongs here: what a query may ask, and its answer's columns and rows. What does not: who may ask, paths
and pages (`api`).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.azure_openai.books import AzureBooks, CostLine

MOST_DAYS = 31
MOST_GROUPINGS = 2
_DIMENSIONS: dict[str, Callable[[CostLine], str]] = {
    "ResourceId": lambda line: line.account_id.lower(),
    "ResourceType": lambda line: (
        "microsoft.cognitiveservices/accounts"
        if line.publisher_type == "Azure"
        else "microsoft.saas/resources"
    ),
    "SubscriptionId": lambda line: line.account_id.split("/")[2].lower(),
    "Meter": lambda line: line.meter,
    "UnitOfMeasure": lambda line: line.unit_of_measure,
    "ChargeType": lambda line: line.charge_type,
    "PublisherType": lambda line: line.publisher_type,
}
_AGGREGATIONS = ("Cost", "CostUSD", "UsageQuantity")

Table = tuple[list[dict[str, str]], list[list[Any]]]
"""Columns and rows."""


class BadQueryError(Exception):
    """A query Azure refuses, in its words."""


def cost_table(books: AzureBooks, scope: str, query: dict[str, Any]) -> Table:
    """Answer one query; a window longer than 31 days is cut to its last 31, without a word.

    Raises:
        BadQueryError: If the query asks for what there is not.
    """
    dataset = query["dataset"]
    names = [part["name"] for part in dataset.get("grouping", [])]
    aggregations = [part["name"] for part in dataset["aggregation"].values()]
    _check(scope, query, names, aggregations)
    first, last = (datetime.fromisoformat(query["timePeriod"][bound]).date() for bound in ("from", "to"))
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    groups: dict[tuple[date, tuple[str, ...]], list[CostLine]] = {}
    for line in books.lines:
        if (
            first <= line.day <= last
            and line.account_id.lower().startswith(f"/{scope.lower()}/")
            and _matches(line, dataset["filter"])
        ):
            key = tuple(_DIMENSIONS[name](line) for name in names)
            groups.setdefault((line.day, key), []).append(line)
    columns = [
        *({"name": name, "type": "Number"} for name in aggregations),
        {"name": "UsageDate", "type": "Number"},
        *({"name": name, "type": "String"} for name in names),
        {"name": "Currency", "type": "String"},
    ]
    rows = [
        [
            *(_sum(books, lines, name) for name in aggregations),
            int(f"{day:%Y%m%d}"),
            *key,
            books.currency,
        ]
        for (day, key), lines in sorted(groups.items())
    ]
    return columns, rows


def _check(scope: str, query: dict[str, Any], names: list[str], aggregations: list[str]) -> None:
    allowed = set(_DIMENSIONS)
    if not scope.lower().startswith("subscriptions/"):
        allowed.remove("ResourceId")
    for name in names:
        if name not in allowed:
            valid = "','".join(sorted(allowed))
            raise BadQueryError(f"Invalid dataset grouping: '{name}'; valid values: '{valid}'")
    if len(names) > MOST_GROUPINGS:
        raise BadQueryError(f"Invalid dataset grouping: at most {MOST_GROUPINGS} are allowed")
    if not set(aggregations) <= set(_AGGREGATIONS) or len(aggregations) > MOST_GROUPINGS:
        raise BadQueryError(f"Invalid dataset aggregation: {', '.join(aggregations)}")
    if (
        query["type"] != "ActualCost"
        or query["timeframe"] != "Custom"
        or query["dataset"]["granularity"] != "Daily"
    ):
        raise BadQueryError("The sandbox answers daily ActualCost of a Custom timeframe only")


def _matches(line: CostLine, node: dict[str, Any]) -> bool:
    if "and" in node:
        return all(_matches(line, part) for part in node["and"])
    if "or" in node:
        return any(_matches(line, part) for part in node["or"])
    test = node["dimensions"]
    return _DIMENSIONS[test["name"]](line).lower() in {value.lower() for value in test["values"]}


def _sum(books: AzureBooks, lines: list[CostLine], name: str) -> Decimal:
    if name == "UsageQuantity":
        return sum((line.quantity for line in lines), Decimal(0))
    cost = sum((line.cost for line in lines), Decimal(0))
    return cost * books.usd_per_unit if name == "CostUSD" else cost
