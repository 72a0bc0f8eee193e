"""Azure's tables and their documented fields.

Source: contract Azure §3.2 (costs) and §3.3 (metrics); accounts and deployments after Azure's published API
description of Microsoft.CognitiveServices, version 2024-10-01. What does not belong here: how they are fetched.
"""

from dataclasses import dataclass

from dlt_sources.rows import Kind, RowShape

_T, _D, _N = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER


@dataclass(frozen=True)
class CostTable:
    """One view of the bill; Azure answers two groupings at once, so that it takes several (§3.2)."""

    shape: RowShape
    description: str
    grouping: tuple[str, str]
    is_usage_only: bool = False
    """Whether to leave out what is not usage: taxes, refunds, purchases."""


_BILLED = {"cost": _D, "cost_usd": _D, "usage_quantity": _D, "currency": _T, "grouped_by": _T}

COSTS = CostTable(
    RowShape("costs", {**_BILLED, "resource_id": _T, "subscription_id": _T, "meter": _T}),
    "What usage costs per day, account and meter.",
    ("ResourceId", "Meter"),
    is_usage_only=True,
)
CHARGE_TYPES = CostTable(
    RowShape("charge_types", {**_BILLED, "charge_type": _T, "meter": _T}),
    "All costs per day, charge type and meter: usage, and what is billed beside it.",
    ("ChargeType", "Meter"),
)
METER_UNITS = CostTable(
    RowShape("meter_units", {**_BILLED, "meter": _T, "unit_of_measure": _T}),
    "The unit in which each meter counts, per day.",
    ("Meter", "UnitOfMeasure"),
)
COST_TABLES = (COSTS, CHARGE_TYPES, METER_UNITS)

TOKEN_METRICS = RowShape(
    "token_metrics",
    {
        "resource_id": _T,
        "metric": _T,
        "unit": _T,
        "time_stamp": _T,
        "total": _N,
        "model_deployment_name": _T,
        "model_name": _T,
    },
)

ACCOUNTS = RowShape(
    "accounts", {"id": _T, "name": _T, "kind": _T, "location": _T, "sku_name": _T, "endpoint": _T}
)

DEPLOYMENTS = RowShape(
    "deployments",
    {
        "id": _T,
        "account_id": _T,
        "name": _T,
        "sku_name": _T,
        "sku_capacity": _N,
        "model_format": _T,
        "model_name": _T,
        "model_version": _T,
        "provisioning_state": _T,
    },
)
