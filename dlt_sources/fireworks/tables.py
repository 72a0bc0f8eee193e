"""Fireworks' tables and the fields that are known of them.

Source: contract Fireworks §5.6, which did not capture the answers; names are those of the published protocol
(proto JSON: money as `units` and `nanos`, 64-bit integers as strings, what is empty or zero left out). What
does not belong here: how they are fetched (`reports.py`).
"""

from typing import Any

from dlt_sources.errors import broken_contract
from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

USAGE_COSTS = RowShape(
    "usage_costs",
    {
        "dimensions.startTime": _T,
        "dimensions.model": _T,
        "subtotal.currencyCode": _T,
        "subtotal.units": _D,
        "subtotal.nanos": _N,
        "attributionCompleteness": _T,
        "isRemainder": _F,
    },
)

BILLING_SUMMARY = RowShape(
    "billing_summary",
    {
        "category": _T,
        "series": _T,
        "groupingKey": _T,
        "groupingValue": _T,
        "quantity": _D,
        "totalCost.currencyCode": _T,
        "totalCost.units": _D,
        "totalCost.nanos": _N,
    },
)

BILLING_USAGE = RowShape(
    "billing_usage",
    {
        "kind": _T,
        "modelName": _T,
        "deploymentId": _T,
        "usageType": _T,
        "promptTokens": _D,
        "cachedPromptTokens": _D,
        "uncachedPromptTokens": _D,
        "completionTokens": _D,
        "acceleratorSeconds": _D,
        "costNanoUsd": _D,
        "group.model_name": _T,
    },
)

USAGE_KINDS = ("serverlessCosts", "dedicatedCosts", "trainingCosts")
"""The lists of `billingUsage`; each becomes rows of `billing_usage` whose `kind` is its name."""


def nanos_of(money: Any, table: str) -> int:
    """An amount `{units, nanos}` as whole billionths, an absent part being nothing, as proto JSON leaves it out.

    Raises:
        ProviderError: it is no such amount.
    """
    if not isinstance(money, dict):
        raise broken_contract(
            f"A row of `{table}` has no amount with `currencyCode`, `units` and `nanos`; money in another "
            "shape is not recorded."
        )
    try:
        units, nanos = int(str(money.get("units", "0"))), int(str(money.get("nanos", "0")))
    except ValueError:
        raise broken_contract(
            f"An amount in `{table}` has `units` or `nanos` that are no whole numbers."
        ) from None
    if abs(nanos) >= 1_000_000_000 or units * nanos < 0:
        raise broken_contract(f"An amount in `{table}` has `nanos` that do not go with its `units`.")
    return units * 1_000_000_000 + nanos
