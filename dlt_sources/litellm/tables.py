"""LiteLLM's tables and their documented fields.

Source: contract LiteLLM §3.2 to §3.4. Keys and teams are cut down to what is listed here, because their
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

LOG_NAMES = {
    "request_id": "request_id",
    "call_type": "call_type",
    "api_key": "api_key",
    "spend": "spend",
    "total_tokens": "total_tokens",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "started_at": "startTime",
    "ended_at": "endTime",
    "completion_started_at": "completionStartTime",
    "request_duration_ms": "request_duration_ms",
    "model": "model",
    "model_id": "model_id",
    "model_group": "model_group",
    "custom_llm_provider": "custom_llm_provider",
    "user_id": "user",
    "team_id": "team_id",
    "organization_id": "organization_id",
    "end_user": "end_user",
    "agent_id": "agent_id",
    "session_id": "session_id",
    "litellm_call_id": "litellm_call_id",
    "cache_hit": "cache_hit",
    "status": "status",
    "request_tags": "request_tags",
}
"""Field of a request by column; addresses and bodies are not among them."""

LOG_METADATA = {
    "key_alias": "user_api_key_alias",
    "team_alias": "user_api_key_team_alias",
    "key_organization_id": "user_api_key_org_id",
    "key_project_id": "user_api_key_project_id",
    "input_cost": "cost_breakdown.input_cost",
    "output_cost": "cost_breakdown.output_cost",
    "tool_usage_cost": "cost_breakdown.tool_usage_cost",
    "original_cost": "cost_breakdown.original_cost",
    "total_cost": "cost_breakdown.total_cost",
    "discount_percent": "cost_breakdown.discount_percent",
    "margin_percent": "cost_breakdown.margin_percent",
    "service_tier": "cost_breakdown.service_tier",
    "usage_object": "usage_object",
    "spend_logs_metadata": "spend_logs_metadata",
    "error_code": "error_information.error_code",
    "priced_as": "model_map_information.model_map_key",
}
"""Path in a request's `metadata` by column; the rest of it is huge, and may hold addresses."""

_LOG_DECIMALS = (
    "spend",
    "input_cost",
    "output_cost",
    "tool_usage_cost",
    "original_cost",
    "total_cost",
    "discount_percent",
    "margin_percent",
)
_LOG_COUNTS = (
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "request_duration_ms",
)

SPEND_LOGS = RowShape(
    "spend_logs",
    {
        **dict.fromkeys((*LOG_NAMES, *LOG_METADATA), _T),
        **dict.fromkeys(_LOG_DECIMALS, _D),
        **dict.fromkeys(_LOG_COUNTS, _N),
    },
)

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
