"""Deepgram's tables and their documented fields.

Source: contract Deepgram §5.10. What does not belong here: how they are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER

BILLING_BREAKDOWN = RowShape(
    "billing_breakdown",
    {
        "project_id": _T,
        "dollars": _D,
        "grouping.start": _T,
        "grouping.end": _T,
        "grouping.accessor": _T,
        "grouping.deployment": _T,
        "grouping.line_item": _T,
        "grouping.tags": _T,
    },
)

USAGE_BREAKDOWN = RowShape(
    "usage_breakdown",
    {
        "project_id": _T,
        "hours": _D,
        "total_hours": _D,
        "agent_hours": _D,
        "tokens_in": _N,
        "tokens_out": _N,
        "tts_characters": _N,
        "requests": _N,
        "grouping.start": _T,
        "grouping.end": _T,
        "grouping.accessor": _T,
        "grouping.endpoint": _T,
        "grouping.feature_set": _T,
        "grouping.models": _T,
        "grouping.method": _T,
        "grouping.tags": _T,
        "grouping.deployment": _T,
    },
)

BALANCES = RowShape(
    "balances",
    {"project_id": _T, "balance_id": _T, "amount": _D, "units": _T, "purchase_order_id": _T},
)

PROJECTS = RowShape("projects", {"project_id": _T, "name": _T})
