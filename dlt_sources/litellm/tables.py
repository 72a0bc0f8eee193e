"""LiteLLM's tables and their documented fields.

Source: contract LiteLLM §3.2 and §3.4. Keys and teams are cut down to what is listed here, because their
`metadata` and settings may hold secrets of logging callbacks. What does not belong here: how they are fetched
(`reports.py`).
"""

from typing import Any

from dlt_sources.contract import Row
from dlt_sources.errors import broken_contract
from dlt_sources.rows import Kind, RowShape

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG

COUNTS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "total_tokens",
    "api_requests",
    "successful_requests",
    "failed_requests",
)
"""Counts that every release sends; together with `spend` they add up over models and keys."""

DAILY_ACTIVITY = RowShape(
    "daily_activity",
    {
        "model": _T,
        "api_key": _T,
        "spend": _D,
        "flat_cost": _D,
        **dict.fromkeys(COUNTS, _N),
        "compression_saved_tokens": _N,
        "compression_savings_spend": _D,
        "prompt_caching_savings_spend": _D,
        "gateway_injected_caching_savings_spend": _D,
        "autorouter_savings_spend": _D,
        "total_response_time_ms": _N,
        "timed_requests": _N,
        "key_alias": _T,
        "team_id": _T,
        "user_id": _T,
        "key_exists": _F,
    },
)

WHO = ("key_alias", "team_id", "user_id", "key_exists")
"""What is kept of a key's `metadata` in the activity; e-mail addresses are not."""

KEYS = RowShape(
    "keys",
    {
        "token": _T,
        "key_name": _T,
        "key_alias": _T,
        "user_id": _T,
        "team_id": _T,
        "org_id": _T,
        "project_id": _T,
        "spend": _D,
        "max_budget": _D,
        "blocked": _F,
        "expires": _T,
        "created_at": _T,
        "updated_at": _T,
        "last_active": _T,
        "metadata.cost_center": _T,
    },
)

TEAMS = RowShape(
    "teams",
    {
        "team_id": _T,
        "team_alias": _T,
        "organization_id": _T,
        "spend": _D,
        "max_budget": _D,
        "blocked": _F,
        "created_at": _T,
        "updated_at": _T,
        "metadata.cost_center": _T,
    },
)


def listed_row(shape: RowShape, item: Any) -> Row:
    """The row of a key or team, holding its documented fields and nothing else.

    Raises:
        ProviderError: the item, or a documented field of it, is of another type than documented.
    """
    if not isinstance(item, dict):
        raise broken_contract(f"A row of `{shape.table}` is not an object.")
    kept = {name: item.get(name) for name in shape.fields if "." not in name}
    metadata = item.get("metadata")
    cost_center = metadata.get("cost_center") if isinstance(metadata, dict) else None
    return shape.row(kept | {"metadata": {"cost_center": cost_center}})
