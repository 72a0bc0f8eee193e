"""Cursor's tables and their documented fields.

Source: contract page B §5.1. Names of members are not among them: they are dropped before landing. What does
not belong here: how the tables are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

USAGE_EVENTS = RowShape(
    "usage_events",
    {
        "timestamp": _N,
        "userEmail": _T,
        "teamId": _T,
        "model": _T,
        "kind": _T,
        "maxMode": _F,
        "requestsCosts": _D,
        "isTokenBasedCall": _F,
        "isChargeable": _F,
        "isHeadless": _F,
        "tokenUsage.inputTokens": _N,
        "tokenUsage.outputTokens": _N,
        "tokenUsage.cacheWriteTokens": _N,
        "tokenUsage.cacheReadTokens": _N,
        "tokenUsage.totalCents": _D,
        "chargedCents": _D,
        "cursorTokenFee": _D,
    },
)

MEMBER_SPEND = RowShape(
    "member_spend",
    {
        "email": _T,
        "role": _T,
        "spendCents": _D,
        "overallSpendCents": _D,
        "includedSpendCents": _D,
        "fastPremiumRequests": _D,
        "hardLimitOverrideDollars": _D,
        "monthlyLimitDollars": _D,
        "subscriptionCycleStart": _N,
    },
)
