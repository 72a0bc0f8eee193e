"""OpenAI's costs as rows (contract openai §1.2, §1.5, §1.6).

What belongs here: line items in the styles seen, amounts and quantities. What does not: usage
(`usage`), paths and pages (`api`).
"""

from decimal import Decimal
from typing import Any

from sandbox.books import Charge
from sandbox.buckets import grouped
from sandbox.catalogue import EMBEDDING, GPT_5_MINI

Row = dict[str, Any]

COST_DIMENSIONS = ("project_id", "line_item", "api_key_id", "user_id", "api_source")
CREDIT_LINE = "Credit grant"
OLD_SUFFIXES = {"input": "input", "cache_read": "cached input", "output": "output"}
NEW_SUFFIXES = {"input": "input_tokens", "cache_read": "cached_input_tokens", "output": "output_tokens"}
NEW_STYLE_MODELS = (GPT_5_MINI,)
"""Models whose lines have the style of 2026: other suffixes, amounts as text."""
THOUSANDS_MODELS = (EMBEDDING,)
"""Models whose quantities are in thousands of tokens."""


def line_item(charge: Charge) -> str:
    """Name the line a charge is part of."""
    if charge.model is None or charge.token_type is None:
        return CREDIT_LINE
    if charge.model in NEW_STYLE_MODELS:
        return f"{charge.model.billed}, {NEW_SUFFIXES[charge.token_type]}"
    batch = "batch " if charge.tier == "batch" else ""
    return f"{charge.model.billed}, {batch}{OLD_SUFFIXES[charge.token_type]}"


def cost_rows(charges: list[Charge], group_by: list[str]) -> list[Row]:
    """Sum one bucket's charges; dimensions are null unless grouped by, quantities unless `line_item` is."""

    def dimensions(charge: Charge) -> tuple[str | None, ...]:
        known = {"project_id": charge.project, "line_item": line_item(charge), "api_key_id": charge.key}
        return tuple(known.get(name) if name in group_by else None for name in COST_DIMENSIONS)

    return [
        {
            "object": "organization.costs.result",
            "amount": {"value": _amount(part, group_by), "currency": "usd"},
        }
        | dict(zip(COST_DIMENSIONS, values, strict=True))
        | _quantity(part, group_by)
        for values, part in grouped(charges, dimensions)
    ]


def _amount(charges: list[Charge], group_by: list[str]) -> Decimal | str:
    """The exact sum in USD: a JSON number, or decimal text with trailing zeros, as both have been seen."""
    amount = sum((charge.amount_usd for charge in charges), Decimal(0))
    is_new = "line_item" in group_by and charges[0].model in NEW_STYLE_MODELS
    return format(amount, ".22f") if is_new else amount


def _quantity(charges: list[Charge], group_by: list[str]) -> Row:
    if "line_item" not in group_by or charges[0].quantity is None:
        return {"quantity": None, "quantity_unit": None}
    tokens = sum(charge.quantity or 0 for charge in charges)
    if charges[0].model in THOUSANDS_MODELS:
        return {"quantity": Decimal(tokens) / 1000, "quantity_unit": "1000_tokens"}
    return {"quantity": tokens, "quantity_unit": "tokens"}
