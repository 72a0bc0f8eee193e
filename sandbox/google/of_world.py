"""Google's books of the world: its charges as hourly lines of the billing export, its calls as token counts.

What belongs here: SKUs, and which line a credit stands on (contract Google §2). What does not: amounts
(`sandbox.books`), answers (`engine`, `monitoring`).
"""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from sandbox.books import Charge, hour_of
from sandbox.catalogue import GEMINI_FLASH, GEMINI_PRO, Model
from sandbox.google.books import Credit, ExportLine, GoogleBooks, TokenPoint
from sandbox.services import VERTEX
from sandbox.world import World

SKUS = {
    (GEMINI_PRO, "input"): "Gemini 2.5 Pro Text Input - Predictions",
    (GEMINI_PRO, "cache_read"): "Gemini 2.5 Pro Input Text Caching",
    (GEMINI_PRO, "output"): "Gemini 2.5 Pro Text Output - Predictions",
    (GEMINI_FLASH, "input"): "Gemini 2.5 Flash GA Text Input - Predictions",
    (GEMINI_FLASH, "cache_read"): "Gemini 2.5 Flash GA Input Text Caching",
    (GEMINI_FLASH, "output"): "Gemini 2.5 Flash GA Text Output - Predictions",
}


def google_books(world: World) -> GoogleBooks:
    """What the export and Cloud Monitoring show of the world."""
    charges = [charge for charge in world.charges if charge.account == VERTEX.account]
    credit_usd = sum((charge.amount_usd for charge in charges if not charge.is_usage), Decimal(0))
    return GoogleBooks(tuple(_lines(charges, credit_usd)), tuple(_points(world)))


def _lines(charges: list[Charge], credit_usd: Decimal) -> list[ExportLine]:
    """A line for each hour and SKU; the credit stands on the first."""
    grouped: dict[tuple[datetime, Model, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        if charge.model is not None and charge.token_type is not None:
            grouped[hour_of(charge.booked_at), charge.model, charge.token_type].append(charge)
    first = min((hour for hour, _, _ in grouped), default=None)
    lines = []
    for (hour, model, token_type), part in grouped.items():
        credits_given = (Credit(credit_usd),) if hour == first and credit_usd else ()
        first = None if credits_given else first
        lines.append(
            ExportLine(
                hour,
                SKUS[model, token_type],
                cost=sum((charge.amount_usd for charge in part), Decimal(0)),
                amount=Decimal(sum(charge.quantity or 0 for charge in part)),
                credits=credits_given,
                project=VERTEX.project,
            )
        )
    return lines


def _points(world: World) -> list[TokenPoint]:
    """Tokens of each hour; input with what was read from a cache."""
    sums: dict[tuple[datetime, str, str], int] = defaultdict(int)
    for call in world.calls:
        if call.service.space is VERTEX:
            for token_type, quantity in call.quantities.items():
                kind = "output" if token_type == "output" else "input"
                sums[hour_of(call.started_at), call.service.model.canonical, kind] += quantity
    return [
        TokenPoint(hour, VERTEX.project or "", model, kind, value)
        for (hour, model, kind), value in sums.items()
    ]
