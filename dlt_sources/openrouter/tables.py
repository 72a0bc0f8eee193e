"""OpenRouter's tables and their documented fields.

Source: contract OpenRouter §4.2 and §4.4. What does not belong here: how they are fetched (`reports.py`).
"""

from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

ACTIVITY = RowShape(
    "activity",
    {
        "date": _T,
        "model": _T,
        "model_permaslug": _T,
        "endpoint_id": _T,
        "provider_name": _T,
        "usage": _D,
        "byok_usage_inference": _D,
        "requests": _N,
        "prompt_tokens": _N,
        "completion_tokens": _N,
        "reasoning_tokens": _N,
        "cached_tokens": _N,
        "workspace_id": _T,
    },
)

CREDITS = RowShape("credits", {"total_credits": _D, "total_usage": _D})

KEYS = RowShape(
    "keys",
    {
        "hash": _T,
        "name": _T,
        "label": _T,
        "disabled": _F,
        "limit": _D,
        "limit_remaining": _D,
        "limit_reset": _T,
        "include_byok_in_limit": _F,
        "usage": _D,
        "usage_daily": _D,
        "usage_weekly": _D,
        "usage_monthly": _D,
        "byok_usage": _D,
        "byok_usage_daily": _D,
        "byok_usage_weekly": _D,
        "byok_usage_monthly": _D,
        "created_at": _T,
        "updated_at": _T,
        "last_used_at": _T,
        "expires_at": _T,
        "creator_user_id": _T,
        "external_user": _T,
        "workspace_id": _T,
    },
)

WORKSPACES = RowShape(
    "workspaces",
    {
        "id": _T,
        "name": _T,
        "slug": _T,
        "description": _T,
        "created_at": _T,
        "created_by": _T,
        "updated_at": _T,
    },
)
