"""The world's complications, each with its size: what a report must be able to tell apart.

Counted from the calls and books alone, not by the rules of `cells`, so that the two prove each other. What
belongs here: sizes of single facts over the whole days. What does not: totals (`ledger`).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sandbox.books import Charge
from sandbox.calls import Call, Metering
from sandbox.catalogue import SONNET, WEB_SEARCHES, unit_price_usd
from sandbox.services import DEEP_RESEARCH
from sandbox.world import World

RULE = "average-cost-per-transaction"
LIMIT_USD = Decimal("1.25")


def call_cost_usd(call: Call) -> Decimal | None:
    """What a call costs at list price, USD; None without a list price."""
    model = call.service.model
    if not call.is_listed:
        return None
    return sum(
        (
            quantity * unit_price_usd(model, model.list_prices, token_type, call.service.tier)
            for token_type, quantity in call.quantities.items()
        ),
        Decimal(0),
    )


def world_facts(world: World) -> dict[str, dict[str, Any]]:
    """Size of each complication over the whole days: counts, units, and USD as decimal text."""
    calls = {call.event_id: call for call in world.calls}
    booked = [charge for charge in world.charges if world.is_told(charge.account, charge.booked_at.date())]

    def of_calls(is_meant: Callable[[Call], bool]) -> list[Charge]:
        return [charge for charge in booked if charge.call_id and is_meant(calls[charge.call_id])]

    def size(charges: list[Charge]) -> dict[str, Any]:
        return {
            "calls": len({charge.call_id for charge in charges if charge.call_id}),
            "units": sum(charge.quantity or 0 for charge in charges),
            "billed_usd": usd(sum((charge.amount_usd for charge in charges), Decimal(0))),
        }

    late = of_calls(lambda call: call.booked_at.date() != call.started_at.date())
    discounted = [charge for charge in booked if charge.model is SONNET and charge.token_type != WEB_SEARCHES]
    priced = of_calls(lambda call: call.is_listed and call.metering is Metering.FULL)
    return {
        "cached_input": size([charge for charge in booked if charge.token_type == "cache_read"]),
        "batch": size([charge for charge in booked if charge.tier == "batch"]),
        "web_searches": size([charge for charge in booked if charge.token_type == WEB_SEARCHES]),
        "credit": size([charge for charge in booked if charge.category == "credit"]),
        "not_usage": size(
            [charge for charge in booked if not charge.is_usage and charge.category != "credit"]
        ),
        "negotiated_discount": size(discounted) | {"discount_usd": usd(_below_list_usd(discounted))},
        "unmetered_service": size(of_calls(lambda call: call.metering is Metering.NONE)),
        "streams_without_usage": size(of_calls(lambda call: call.metering is Metering.USAGE_MISSING)),
        "model_without_list_price": size(of_calls(lambda call: not call.is_listed)),
        "late_booking": size(late)
        | {"booked_on": sorted({charge.booked_at.date().isoformat() for charge in late})},
        "other_prices": size(priced) | {"difference_usd": usd(-_below_list_usd(priced))},
        "proxied": size(of_calls(lambda call: call.service.gateway is not None)),
        "duplicate_deliveries": {"calls": sum(call.deliveries > 1 for call in world.calls)},
    }


def expected_alerts(world: World) -> list[dict[str, Any]]:
    """Say which incident the over-limit agent opens: the first event to lift its average past the limit."""
    total = Decimal(0)
    for count, call in enumerate(world.runaway_calls, start=1):
        total += call_cost_usd(call) or Decimal(0)
        if total > LIMIT_USD * count:
            return [
                {
                    "rule": RULE,
                    "group": {"product": DEEP_RESEARCH.product, "agent": DEEP_RESEARCH.agent},
                    "limit_usd": usd(LIMIT_USD),
                    "value_usd": usd(total / count),
                    "samples": count,
                    "first_event_id": call.event_id,
                    "trace_id": call.trace.trace_id,
                    "at": call.started_at.isoformat(),
                }
            ]
    return []


def usd(amount: Decimal) -> str:
    """Write an amount as plain decimal text."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _below_list_usd(charges: list[Charge]) -> Decimal:
    """How much less than the list price usage was billed for."""
    return sum((_list_usd(charge) - charge.amount_usd for charge in charges), Decimal(0))


def _list_usd(charge: Charge) -> Decimal:
    if charge.model is None or charge.token_type is None or charge.tier is None or charge.quantity is None:
        raise ValueError("what is no usage has no list price")
    return charge.quantity * unit_price_usd(
        charge.model, charge.model.list_prices, charge.token_type, charge.tier
    )
