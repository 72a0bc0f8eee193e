"""Anthropic's cost and usage reports as rows (contract anthropic §2.2, §2.3).

What belongs here: which fields and groupings each report has. What does not: parameters, paging and rights
(`api`).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sandbox.books import Charge
from sandbox.buckets import grouped
from sandbox.catalogue import WEB_SEARCHES

Row = dict[str, Any]

COST_GROUPS = ("workspace_id", "description")
USAGE_GROUPS = (
    "api_key_id",
    "workspace_id",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
    "account_id",
    "service_account_id",
)
CONTEXT_WINDOW = "0-200k"
"""No call of the world has more input than that."""
TOKEN_TYPES = {
    "input": ("uncached_input_tokens", "Input Tokens"),
    "cache_read": ("cache_read_input_tokens", "Input Tokens, Cache Hit"),
    "cache_write_5m": ("cache_creation.ephemeral_5m_input_tokens", "Input Tokens, Cache Write"),
    "cache_write_1h": ("cache_creation.ephemeral_1h_input_tokens", "Input Tokens, Cache Write"),
    "output": ("output_tokens", "Output Tokens"),
}
_DESCRIBED = ("cost_type", "description", "model", "token_type", "service_tier", "context_window")


def cost_rows(charges: list[Charge], group_by: list[str]) -> list[Row]:
    """Sum one bucket's charges in cents; all but the workspace is null unless `description` is grouped by."""

    def dimensions(charge: Charge) -> tuple[str | None, ...]:
        workspace = charge.project if "workspace_id" in group_by else None
        words = described(charge) if "description" in group_by else (None,) * len(_DESCRIBED)
        return (workspace, *words)

    return [
        {
            "amount": cents(charge.amount_usd for charge in part),
            "currency": "USD",
            **dict(zip(_DESCRIBED, words, strict=True)),
            "inference_geo": None,
            "workspace_id": workspace,
        }
        for (workspace, *words), part in grouped(charges, dimensions)
    ]


def usage_rows(charges: list[Charge], group_by: list[str]) -> list[Row]:
    """Sum one bucket's charges in tokens and searches; a dimension is null unless it is grouped by."""

    def dimensions(charge: Charge) -> tuple[str | None, ...]:
        known = {
            "api_key_id": charge.key,
            "workspace_id": charge.project,
            "model": charge.model.served if charge.model else None,
            "service_tier": charge.tier,
            "context_window": CONTEXT_WINDOW,
            "inference_geo": "not_available",
        }
        return tuple(known.get(name) if name in group_by else None for name in USAGE_GROUPS)

    return [
        dict(zip(USAGE_GROUPS, values, strict=True)) | quantities(part)
        for values, part in grouped(charges, dimensions)
    ]


def quantities(charges: list[Charge]) -> Row:
    """Tokens and searches of charges, as all usage reports write them."""
    return {
        "uncached_input_tokens": units(charges, "input"),
        "cache_creation": {
            "ephemeral_1h_input_tokens": units(charges, "cache_write_1h"),
            "ephemeral_5m_input_tokens": units(charges, "cache_write_5m"),
        },
        "cache_read_input_tokens": units(charges, "cache_read"),
        "output_tokens": units(charges, "output"),
        "server_tool_use": {"web_search_requests": units(charges, WEB_SEARCHES)},
    }


def described(charge: Charge) -> tuple[str | None, ...]:
    """Cost type, description, model, token type, tier and context window of a charge."""
    if charge.model is None or charge.token_type is None or charge.token_type == WEB_SEARCHES:
        return ("web_search", "Web Search Usage", None, None, None, None)
    token_type, words = TOKEN_TYPES[charge.token_type]
    description = f"{charge.model.title} Usage - {words}"
    return ("tokens", description, charge.model.billed, token_type, charge.tier, CONTEXT_WINDOW)


def cents(amounts_usd: Iterable[Decimal]) -> str:
    """Sum amounts in dollars, in cents as the reports write them."""
    text = format(sum(amounts_usd, Decimal(0)).scaleb(2), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def units(charges: Iterable[Charge], *token_types: str) -> int:
    """Count what the charges of some token types are for."""
    return sum(charge.quantity or 0 for charge in charges if charge.token_type in token_types)
