"""Azure's books of the world: its charges as lines of meters, its calls as token counts of each hour.

What belongs here: names and units that Azure gives them (contract Azure §3). What does not: amounts
(`sandbox.books`), answers (`costs`, `metrics`).
"""

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

from sandbox.azure_openai.books import Account, AzureBooks, CostLine, Deployment, TokenCount
from sandbox.books import Charge, hour_of
from sandbox.catalogue import AZURE_GPT_4O, AZURE_GPT_5, Model
from sandbox.services import AZURE
from sandbox.world import World

ACCOUNT = AZURE.account
SUBSCRIPTION = "33333333-3333-4333-8333-333333333333"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/AI"
RESOURCE = f"{GROUP}/providers/Microsoft.CognitiveServices/accounts/{AZURE.name}"
METERS = {
    (AZURE_GPT_4O, "input"): ("gpt 4o 0806 Inp glbl Tokens", "1K"),
    (AZURE_GPT_4O, "cache_read"): ("gpt 4o 0806 cached Inp glbl Tokens", "1K"),
    (AZURE_GPT_4O, "output"): ("gpt 4o 0806 Outp glbl Tokens", "1K"),
    (AZURE_GPT_5, "input"): ("GPT 5 Inpt Glbl 1M Tokens", "1M"),
    (AZURE_GPT_5, "cache_read"): ("GPT 5 cd Inpt Glbl 1M Tokens", "1M"),
    (AZURE_GPT_5, "output"): ("GPT 5 outpt Glbl 1M Tokens", "1M"),
}
"""Meter and unit of measure, by model and token type."""
REFUNDED_METER = METERS[AZURE_GPT_4O, "input"]
UNITS = {"1K": Decimal(1_000), "1M": Decimal(1_000_000)}
CHARGE_TYPES = {"usage": "Usage", "adjustment": "Refund"}


def azure_books(world: World) -> AzureBooks:
    """What Azure shows of the world."""
    charges = [charge for charge in world.charges if charge.account == ACCOUNT]
    return AzureBooks(
        accounts=(Account(RESOURCE),),
        deployments=tuple(
            Deployment(
                RESOURCE,
                model.asked,
                model.canonical,
                (model.served or "").removeprefix(f"{model.canonical}-"),
            )
            for model in (AZURE_GPT_4O, AZURE_GPT_5)
        ),
        lines=tuple(_lines(charges)),
        counts=tuple(_counts(world)),
    )


def _lines(charges: list[Charge]) -> list[CostLine]:
    grouped: dict[tuple[date, str, str, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        meter, unit = (
            METERS[charge.model, charge.token_type] if charge.model and charge.token_type else REFUNDED_METER
        )
        grouped[charge.booked_at.date(), meter, unit, CHARGE_TYPES[charge.category]].append(charge)
    return [
        CostLine(
            day,
            RESOURCE,
            meter,
            unit,
            quantity=sum(charge.quantity or 0 for charge in part) / UNITS[unit],
            cost=sum((charge.amount_usd for charge in part), Decimal(0)),
            charge_type=charge_type,
        )
        for (day, meter, unit, charge_type), part in grouped.items()
    ]


def _counts(world: World) -> list[TokenCount]:
    """Tokens of each hour; cached ones are inside those of the prompt."""
    sums: dict[tuple[datetime, Model, str], int] = defaultdict(int)
    for call in world.calls:
        model = call.service.model
        if call.service.space is not AZURE:
            continue
        hour = hour_of(call.started_at)
        output = call.quantities.get("output", 0)
        sums[hour, model, "ProcessedPromptTokens"] += sum(call.quantities.values()) - output
        sums[hour, model, "GeneratedTokens"] += output
        sums[hour, model, "AzureOpenAIRequests"] += 1
    return [
        TokenCount(hour, RESOURCE, model.asked, model.canonical, metric, total)
        for (hour, model, metric), total in sums.items()
    ]
