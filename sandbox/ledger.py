"""The ledger of truth: every number the marts and the report must reach, worked out from the world alone.

What belongs here: summing the matched cells of the whole days into totals, as plain JSON with decimal text.
What does not: the rules inside a cell (`cells`) and the sizes of single complications (`facts`).

Today is never billed here: it has an estimate, metered cost at list price.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sandbox.books import Charge
from sandbox.calls import Call, Metering
from sandbox.catalogue import WEB_SEARCHES, Model, unit_price_usd
from sandbox.cells import (
    CAUSES,
    Billed,
    Cell,
    Match,
    MatchKey,
    Metered,
    Owner,
    attributed_by_owner,
    matched,
    rounded,
    timing_quantities,
    variance_usd,
)
from sandbox.facts import call_cost_usd, expected_alerts, usd, world_facts
from sandbox.world import World

PROVIDERS = ("anthropic", "openai")


def build_ledger(world: World) -> dict[str, Any]:
    """Work out what is true of a world.

    Returns:
        Plain JSON, USD as decimal text:
        `days`: `closed` and `today`.
        `totals`: of the whole days, by provider and under `all`. `billed_usd` = `attributed_usd` +
        `unattributed_usd` + `credits_usd` + `other_usd`; `billed_usd` - `metered_usd` = sum of `variance` +
        `credits_usd` + `other_usd`; `provisional_usd` is the estimate for today.
        `daily`: the same by provider and day, without the estimate.
        `attributed_by`: attributed USD by customer, product and agent.
        `cells`: one row per provider, day, model, token type, tier and project, as billed and as metered.
        `matches`: one row per matched pair, with its attribution and variance.
        `events`, `facts`, `alerts`: counts of events, sizes of complications, expected incidents.
    """
    closed = set(world.closed_days)
    charges = [charge for charge in world.charges if charge.booked_at.date() in closed]
    metered = [part for call in world.calls if call.started_at.date() in closed for part in _metered(call)]
    matches = matched((_billed(charge) for charge in charges if not charge.is_credit), metered)
    rows = list(_match_rows(matches))
    credits_usd = {(c.provider, c.booked_at.date()): Decimal(0) for c in charges}
    for charge in charges:
        if charge.is_credit:
            credits_usd[charge.provider, charge.booked_at.date()] += charge.amount_usd
    provisional = _provisional(world)
    totals = {
        provider: _total(
            [row for row in rows if row["provider"] == provider],
            sum((amount for (name, _), amount in credits_usd.items() if name == provider), Decimal(0)),
            provisional[provider],
        )
        for provider in PROVIDERS
    }
    totals["all"] = _total(rows, sum(credits_usd.values(), Decimal(0)), sum(provisional.values(), Decimal(0)))
    return {
        "days": {"closed": [day.isoformat() for day in world.closed_days], "today": world.today.isoformat()},
        "totals": _text(totals),
        "daily": _text(_daily(rows, credits_usd)),
        "attributed_by": _text(_attributed_by(matches)),
        "cells": _text(_cell_rows(charges, metered)),
        "matches": _text(rows),
        "events": _events(world),
        "facts": world_facts(world),
        "alerts": expected_alerts(world),
    }


def _cell(model: Model, day: date, token_type: str, tier: str) -> Cell:
    """Name the cell; web searches are billed without a model."""
    return Cell(
        model.provider, day, None if token_type == WEB_SEARCHES else model.canonical, token_type, tier
    )


def _billed(charge: Charge) -> Billed:
    if charge.model is None or charge.token_type is None or charge.tier is None:
        raise ValueError("a credit belongs to no cell")
    cell = _cell(charge.model, charge.booked_at.date(), charge.token_type, charge.tier)
    return Billed(cell, charge.project, charge.amount_usd, charge.quantity)


def _metered(call: Call) -> Iterator[Metered]:
    service, model = call.service, call.service.model
    if call.metering is not Metering.FULL:
        return
    owner = Owner(call.trace.customer, service.product, service.agent)
    project = service.space.project if service.carries_project else None
    for token_type, quantity in call.quantities.items():
        if not quantity:
            continue
        cost = (
            quantity * unit_price_usd(model, model.list_prices, token_type, service.tier)
            if model.is_listed
            else None
        )
        cell = _cell(model, call.started_at.date(), token_type, service.tier)
        yield Metered(cell, project, owner, quantity, cost)


def _match_rows(matches: dict[MatchKey, Match]) -> Iterator[dict[str, Any]]:
    timing = timing_quantities(matches)
    for key, match in sorted(matches.items(), key=lambda item: str(item[0])):
        attributed = rounded(sum(attributed_by_owner(match).values(), Fraction(0)))
        yield {
            **key.cell._asdict(),
            "is_by_project": key.is_by_project,
            "project": key.project,
            "billed_usd": match.billed_usd,
            "billed_quantity": match.billed_quantity if match.is_quantity_known else None,
            "metered_priced_quantity": match.priced_quantity,
            "metered_unpriced_quantity": match.unpriced_quantity,
            "metered_usd": match.metered_usd,
            "attributed_usd": attributed,
            "unattributed_usd": match.billed_usd - attributed,
            "timing_quantity": timing[key],
            "variance": variance_usd(match, timing[key]),
        }


def _cell_rows(charges: list[Charge], metered: list[Metered]) -> list[dict[str, Any]]:
    by_project: dict[tuple[Cell, str | None], Match] = defaultdict(Match)
    for charge in (_billed(charge) for charge in charges if not charge.is_credit):
        match = by_project[charge.cell, charge.project]
        match.billed_usd += charge.amount_usd
        match.billed_quantity += charge.quantity or 0
    for part in metered:
        by_project[part.cell, part.project].metered.append(part)
    return [
        {
            **cell._asdict(),
            "project": project,
            "billed_usd": match.billed_usd,
            "billed_quantity": match.billed_quantity,
            "metered_priced_quantity": match.priced_quantity,
            "metered_unpriced_quantity": match.unpriced_quantity,
            "metered_usd": match.metered_usd,
        }
        for (cell, project), match in sorted(by_project.items(), key=str)
    ]


def _total(rows: Iterable[dict[str, Any]], credits_usd: Decimal, provisional_usd: Decimal) -> dict[str, Any]:
    rows = list(rows)

    def total(column: str) -> Decimal:
        return sum((row[column] for row in rows), Decimal(0))

    return {
        "billed_usd": total("billed_usd") + credits_usd,
        "attributed_usd": total("attributed_usd"),
        "unattributed_usd": total("unattributed_usd"),
        "credits_usd": credits_usd,
        "other_usd": Decimal(0),
        "metered_usd": total("metered_usd"),
        "variance": {cause: sum((row["variance"][cause] for row in rows), Decimal(0)) for cause in CAUSES},
        "provisional_usd": provisional_usd,
    }


def _daily(rows: list[dict[str, Any]], credits_usd: dict[tuple[str, date], Decimal]) -> list[dict[str, Any]]:
    keys = sorted({(row["provider"], row["day"]) for row in rows} | set(credits_usd))
    return [
        {
            "provider": provider,
            "day": day,
            **_total(
                [row for row in rows if (row["provider"], row["day"]) == (provider, day)],
                credits_usd.get((provider, day), Decimal(0)),
                Decimal(0),
            ),
        }
        for provider, day in keys
    ]


def _attributed_by(matches: dict[MatchKey, Match]) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Fraction]] = {name: defaultdict(Fraction) for name in Owner._fields}
    for match in matches.values():
        for owner, amount in attributed_by_owner(match).items():
            for name, value in owner._asdict().items():
                sums[name][value] += amount
    return {
        name: {value: rounded(amount) for value, amount in sorted(by.items())} for name, by in sums.items()
    }


def _provisional(world: World) -> dict[str, Decimal]:
    estimate = dict.fromkeys(PROVIDERS, Decimal(0))
    for call in world.calls:
        if call.started_at.date() == world.today and call.metering is Metering.FULL:
            estimate[call.service.model.provider] += call_cost_usd(call) or Decimal(0)
    return estimate


def _events(world: World) -> dict[str, Any]:
    metered = [call for call in world.calls if call.metering is not Metering.NONE]
    full = [call for call in metered if call.metering is Metering.FULL]
    not_context = ("output", WEB_SEARCHES)
    return {
        "transactions": len(metered),
        "deliveries": sum(call.deliveries for call in metered),
        "duplicates": sum(call.deliveries - 1 for call in metered),
        "usage_missing": len(metered) - len(full),
        "unpriced": sum(not call.service.model.is_listed for call in full),
        "priced": sum(call.service.model.is_listed for call in full),
        "context_tokens": sum(
            q for call in full for name, q in call.quantities.items() if name not in not_context
        ),
        "generated_tokens": sum(call.quantities.get("output", 0) for call in full),
        "web_searches": sum(call.quantities.get(WEB_SEARCHES, 0) for call in full),
        "cost_usd": usd(sum((call_cost_usd(call) or Decimal(0) for call in full), Decimal(0))),
    }


def _text(value: Any) -> Any:
    """Amounts and days as text, all the way down."""
    if isinstance(value, dict):
        return {name: _text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_text(part) for part in value]
    if isinstance(value, Decimal):
        return usd(value)
    return value.isoformat() if isinstance(value, date) else value
