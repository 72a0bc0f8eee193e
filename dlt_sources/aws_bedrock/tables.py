"""AWS Bedrock's tables: their fields, by path in what the readers make of an answer.

Source: contract AWS §1.2, §1.3. What does not belong here: how they are fetched.
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

METRICS = ("UnblendedCost", "NetUnblendedCost", "AmortizedCost", "UsageQuantity")
"""What Cost Explorer is asked for; each is an amount with its unit."""

_AMOUNTS = {
    "unblended_cost.amount": _D,
    "unblended_cost.unit": _T,
    "net_unblended_cost.amount": _D,
    "net_unblended_cost.unit": _T,
    "amortized_cost.amount": _D,
    "amortized_cost.unit": _T,
    "usage_quantity.amount": _D,
    "usage_quantity.unit": _T,
    "is_estimated": _F,
}

COSTS = RowShape("costs", {"service": _T, "usage_type": _T, "record_type": _T, **_AMOUNTS})

MODEL_COSTS = RowShape("model_costs", {"model": _T, "inference_type": _T, **_AMOUNTS})

TOKEN_METRICS = RowShape(
    "token_metrics",
    {
        "region": _T,
        "namespace": _T,
        "metric": _T,
        "model_id": _T,
        "project": _T,
        "hour": _N,
        "value": _N,
    },
)

INFERENCE_PROFILES = RowShape(
    "inference_profiles",
    {
        "inference_profile_arn": _T,
        "inference_profile_id": _T,
        "inference_profile_name": _T,
        "region": _T,
        "status": _T,
        "type": _T,
        "models": _T,
    },
)
