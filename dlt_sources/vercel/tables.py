"""Vercel AI Gateway's tables and their documented fields.

Source: contract Vercel §5.5. What does not belong here: how they are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER

REPORT = RowShape(
    "report",
    {
        "reported_day": _T,
        "model": _T,
        "total_cost": _D,
        "market_cost": _D,
        "input_tokens": _N,
        "cached_input_tokens": _N,
        "cache_creation_input_tokens": _N,
        "output_tokens": _N,
        "reasoning_tokens": _N,
        "request_count": _N,
    },
)

CREDITS = RowShape("credits", {"balance": _D, "total_used": _D})
