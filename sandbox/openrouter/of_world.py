"""OpenRouter's books of the world: one amount per day and model for all its tokens.

What belongs here: how its charges fold into activity (contract openrouter §4). What does not: amounts
(`sandbox.books`), answers (`api`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from sandbox.books import Charge
from sandbox.catalogue import Model
from sandbox.openrouter.api import ActivityRow, OpenRouterBooks
from sandbox.services import ROUTER
from sandbox.world import World

CREDITS_BOUGHT_USD = Decimal(500)


def openrouter_books(world: World) -> OpenRouterBooks:
    """What OpenRouter shows of the world; calls of the day that has not ended are in its totals alone."""
    charges = [charge for charge in world.charges if charge.account == ROUTER.account]
    grouped: dict[tuple[date, Model], list[Charge]] = defaultdict(list)
    for charge in charges:
        if charge.model is not None:
            grouped[charge.booked_at.date(), charge.model].append(charge)
    key = {"hash": ROUTER.key, "name": ROUTER.key_name, "disabled": False, "workspace_id": ROUTER.project}
    return OpenRouterBooks(
        now=world.now,
        activity=[_row(day, model, part) for (day, model), part in grouped.items()],
        keys=[key],
        workspaces=[{"id": ROUTER.project, "name": ROUTER.name}],
        total_credits=CREDITS_BOUGHT_USD,
        total_usage=sum((charge.amount_usd for charge in charges), Decimal(0)),
    )


def _row(day: date, model: Model, charges: list[Charge]) -> ActivityRow:
    def tokens(*token_types: str) -> int:
        return sum(charge.quantity or 0 for charge in charges if charge.token_type in token_types)

    return ActivityRow(
        date=day,
        model=model.canonical,
        model_permaslug=model.billed,
        endpoint_id=f"endpoint-{model.title.lower()}",
        provider_name=model.title,
        usage=sum((charge.amount_usd for charge in charges), Decimal(0)),
        byok_usage_inference=Decimal(0),
        requests=len({charge.call_id for charge in charges}),
        prompt_tokens=tokens("input", "cache_read"),
        completion_tokens=tokens("output"),
        reasoning_tokens=0,
        cached_tokens=tokens("cache_read"),
        workspace_id=ROUTER.project or "",
    )
