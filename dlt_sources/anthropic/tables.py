"""Anthropic's tables: where each is read, how it is grouped, and its documented fields.

Source: contract Anthropic §2.2 to §2.5, §2.9. All money is in CENTS. What does not belong here: how they are fetched
(`reports.py`, `analytics.py`, `claude_code.py`).
"""

from dataclasses import dataclass

from dlt_sources.contract import Row
from dlt_sources.errors import broken_contract
from dlt_sources.rows import Kind, RowShape, require_currency

_T, _D, _N = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER


@dataclass(frozen=True)
class BucketTable:
    """One report in day buckets."""

    path: str
    description: str
    grouping: tuple[str, ...]
    shape: RowShape


COST_REPORT = BucketTable(
    path="/v1/organizations/cost_report",
    description="What Anthropic bills per day, workspace and description; `amount` is in cents.",
    grouping=("workspace_id", "description"),
    shape=RowShape(
        "cost_report",
        {
            "amount": _D,
            "currency": _T,
            "cost_type": _T,
            "description": _T,
            "model": _T,
            "token_type": _T,
            "service_tier": _T,
            "context_window": _T,
            "inference_geo": _T,
            "workspace_id": _T,
            "api_key_id": _T,
            "list_amount": _D,
            "requests": _N,
            "sent_workspace_id": _T,
            "grouped_by": _T,
        },
    ),
)

USAGE_REPORT_MESSAGES = BucketTable(
    path="/v1/organizations/usage_report/messages",
    description="Tokens per day (or hour), workspace, API key, model, service tier, context window and geography.",
    grouping=("api_key_id", "workspace_id", "model", "service_tier", "context_window", "inference_geo"),
    shape=RowShape(
        "usage_report_messages",
        {
            "account_id": _T,
            "api_key_id": _T,
            "service_account_id": _T,
            "workspace_id": _T,
            "model": _T,
            "service_tier": _T,
            "context_window": _T,
            "inference_geo": _T,
            "uncached_input_tokens": _N,
            "cache_creation.ephemeral_1h_input_tokens": _N,
            "cache_creation.ephemeral_5m_input_tokens": _N,
            "cache_read_input_tokens": _N,
            "output_tokens": _N,
            "server_tool_use.web_search_requests": _N,
            "starting_at": _T,
            "requests": _N,
            "total_tokens": _N,
            "sent_workspace_id": _T,
            "grouped_by": _T,
        },
    ),
)

BUCKET_TABLES = (COST_REPORT, USAGE_REPORT_MESSAGES)

CLAUDE_CODE = RowShape(
    "usage_report_claude_code",
    {
        "date": _T,
        "actor.type": _T,
        "actor.email_address": _T,
        "actor.api_key_name": _T,
        "organization_id": _T,
        "customer_type": _T,
        "subscription_type": _T,
        "terminal_type": _T,
        "model": _T,
        "tokens.input": _N,
        "tokens.output": _N,
        "tokens.cache_read": _N,
        "tokens.cache_creation": _N,
        "estimated_cost.amount": _D,
        "estimated_cost.currency": _T,
    },
)

WORKSPACES = RowShape(
    "workspaces",
    {
        "id": _T,
        "type": _T,
        "name": _T,
        "created_at": _T,
        "archived_at": _T,
        "display_color": _T,
        "compartment_id": _T,
        "data_residency": _T,
        "external_key_id": _T,
        "tags": _T,
        "user_profile_id": _T,
    },
)

API_KEYS = RowShape(
    "api_keys",
    {
        "id": _T,
        "type": _T,
        "name": _T,
        "status": _T,
        "created_at": _T,
        "created_by.id": _T,
        "created_by.type": _T,
        "expires_at": _T,
        "partial_key_hint": _T,
        "principal.type": _T,
        "principal.user_id": _T,
        "principal.service_account_id": _T,
        "scope.type": _T,
        "scope.workspace_id": _T,
        "workspace_id": _T,
    },
)


def billed(row: Row) -> Row:
    """A row of `cost_report`; Anthropic always says its amount and currency (§2.2).

    Raises:
        ProviderError: it does not.
    """
    if row["amount"] is None:
        raise broken_contract("A row of `cost_report` has no amount.")
    return require_currency(row, "amount", "currency", "cost_report")
