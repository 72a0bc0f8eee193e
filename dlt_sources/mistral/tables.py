"""Mistral's tables and their documented fields.

Source: contract Mistral §5.9. What does not belong here: how they are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _F = Kind.TEXT, Kind.DECIMAL, Kind.FLAG

SPEND = RowShape(
    "spend",
    {
        "month": _T,
        "category": _T,
        "total_usage": _D,
        "usage_limit": _D,
        "monthly_limit_reached": _F,
        "no_monthly_limit": _F,
        "currency": _T,
    },
)

USAGE = RowShape(
    "usage",
    {
        "month": _T,
        "category": _T,
        "content": _T,
        "start_date": _T,
        "end_date": _T,
        "currency": _T,
    },
)

USAGE_CATEGORIES = (
    "chat",
    "completion",
    "ocr",
    "audio",
    "connectors",
    "libraries_api",
    "fine_tuning",
    "vibe_usage",
)
"""What the answer of `/usage` is divided into; how each is divided further is not documented."""
