"""The ledger of truth: every number the marts and the report must reach, worked out from the world alone.

What belongs here: which charges and calls meet, and what is summed. What does not: the rules inside a cell (`cells`),
adding up (`sums`) and the sizes of single complications (`facts`).

A day that its account's books do not tell yet, such as today, is never billed here: it has an estimate, metered cost
at list price.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sandbox.books import Charge
from sandbox.calls import PIECES, Call, Metering
from sandbox.catalogue import WEB_SEARCHES, Model, unit_price_usd
from sandbox.cells import (
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
from sandbox.services import ACCOUNTS
from sandbox.sums import Beside, as_text, daily, lines_of, sum_of, total_of
from sandbox.world import World

BILLED_WITHOUT_MODEL = frozenset({WEB_SEARCHES})
BLENDED = {"openrouter": "tokens", "piapi": "tasks"}
"""Providers that bill all token types of a call in one amount, and what that amount is for."""
GATEWAYS = frozenset({"litellm"})
"""Accounts whose amounts are estimates of what another account is billed: in no sum of bills."""


def build_ledger(world: World) -> dict[str, Any]:
    """Work out what is true of a world.

    Returns:
        Plain JSON, USD as decimal text:
        `days`: `closed` and `today`.
        `totals`: of the whole days, by provider and under `all`; `accounts`: the same by account.
        `billed_usd` = `attributed_usd` + `unattributed_usd` + `credits_usd` + `other_usd`; `billed_usd` -
        `metered_usd` = sum of `variance` + `credits_usd` + `other_usd`; `provisional_usd` is the estimate for
        days not told yet.
        `daily`: the same by account and day, without the estimate.
        `attributed_by`: attributed USD by customer, product and agent.
        `lines`: one row per provider, model and token type: usage as billed and as metered.
        `cells`: one row per account, day, model, token type, tier and project, as billed and as metered.
        `matches`: one row per matched pair, with its attribution and variance.
        `gateways`: what proxies estimate, by account, model and upstream provider; no part of any other sum.
        `events`, `facts`, `alerts`: counts of events, sizes of complications, expected incidents.
    """
    charges = [charge for charge in world.charges if world.is_told(charge.account, charge.booked_at.date())]
    projects = {(charge.account, charge.project) for charge in world.charges if charge.is_usage}
    metered = [part for call in world.calls if _is_told(world, call) for part in _metered(call, projects)]
    matches = matched((_billed(charge) for charge in charges if charge.is_usage), metered)
    rows = list(_match_rows(matches))
    beside = Beside(charges)
    provisional = _provisional(world)
    accounts = {
        account: total_of(
            [row for row in rows if row["account"] == account],
            beside.credits_usd(account),
            beside.other_usd(account),
            provisional[account],
        )
        for account in world.accounts
        if account not in GATEWAYS
    }
    totals = {
        provider: sum_of(total for account, total in accounts.items() if ACCOUNTS[account] == provider)
        for provider in dict.fromkeys(ACCOUNTS[account] for account in accounts)
    }
    cells = _cell_rows(charges, metered)
    return {
        "days": {"closed": [day.isoformat() for day in world.closed_days], "today": world.today.isoformat()},
        "totals": as_text(totals | {"all": sum_of(accounts.values())}),
        "accounts": as_text(accounts),
        "daily": as_text(daily(rows, beside)),
        "attributed_by": as_text(_attributed_by(matches)),
        "lines": as_text(lines_of(cells)),
        "cells": as_text(cells),
        "matches": as_text(rows),
        "gateways": as_text(_gateways(world)),
        "events": _events(world),
        "facts": world_facts(world),
        "alerts": expected_alerts(world),
    }


def _cell(account: str, model: Model, day: date, token_type: str, tier: str) -> Cell:
    """Name the cell as the bill knows it: no model for web searches, one token type where amounts are blended."""
    billed_model = None if token_type in BILLED_WITHOUT_MODEL else model.canonical
    return Cell(account, day, billed_model, BLENDED.get(model.provider, token_type), tier)


def _billed(charge: Charge) -> Billed:
    if charge.model is None or charge.token_type is None or charge.tier is None:
        raise ValueError("what is no usage belongs to no cell")
    cell = _cell(charge.account, charge.model, charge.booked_at.date(), charge.token_type, charge.tier)
    return Billed(cell, charge.project, charge.amount_usd, charge.quantity)


def _metered(call: Call, projects: Collection[tuple[str, str | None]]) -> Iterator[Metered]:
    """What a call is metered with; a project that its account's bill never names is as good as none."""
    service, model, account = call.service, call.service.model, call.service.space.account
    if call.metering is not Metering.FULL:
        return
    owner = Owner(call.trace.customer, service.product, service.agent)
    project = service.space.project if service.carries_project else None
    for token_type, quantity in call.quantities.items():
        if not quantity:
            continue
        cost = (
            quantity * unit_price_usd(model, model.list_prices, token_type, service.tier)
            if call.is_listed
            else None
        )
        cell = _cell(account, model, call.started_at.date(), token_type, service.tier)
        yield Metered(cell, project if (account, project) in projects else None, owner, quantity, cost)


def _match_rows(matches: dict[MatchKey, Match]) -> Iterator[dict[str, Any]]:
    timing = timing_quantities(matches)
    for key, match in sorted(matches.items(), key=lambda item: str(item[0])):
        attributed = rounded(sum(attributed_by_owner(match).values(), Fraction(0)))
        yield {
            "provider": ACCOUNTS[key.cell.account],
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
    for charge in (_billed(charge) for charge in charges if charge.is_usage):
        match = by_project[charge.cell, charge.project]
        match.billed_usd += charge.amount_usd
        match.billed_quantity += charge.quantity or 0
    for part in metered:
        by_project[part.cell, part.project].metered.append(part)
    return [
        {
            "provider": ACCOUNTS[cell.account],
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


def _attributed_by(matches: dict[MatchKey, Match]) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Fraction]] = {name: defaultdict(Fraction) for name in Owner._fields}
    for match in matches.values():
        for owner, amount in attributed_by_owner(match).items():
            for name, value in owner._asdict().items():
                sums[name][value] += amount
    return {
        name: {value: rounded(amount) for value, amount in sorted(by.items())} for name, by in sums.items()
    }


def _is_told(world: World, call: Call) -> bool:
    return world.is_told(call.service.space.account, call.started_at.date())


def _provisional(world: World) -> dict[str, Decimal]:
    estimate = dict.fromkeys(world.accounts, Decimal(0))
    for call in world.calls:
        if not _is_told(world, call) and call.metering is Metering.FULL:
            estimate[call.service.space.account] += call_cost_usd(call) or Decimal(0)
    return estimate


def _gateways(world: World) -> list[dict[str, Any]]:
    estimates: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for call in world.calls:
        gateway, model = call.service.gateway, call.service.model
        if gateway is not None and world.is_told(gateway.account, call.started_at.date()):
            key = (gateway.account, model.provider, model.canonical)
            estimates[key] += call_cost_usd(call) or Decimal(0)
    names = ("account", "upstream_provider", "model", "estimated_usd")
    return [dict(zip(names, (*key, amount), strict=True)) for key, amount in sorted(estimates.items())]


def _events(world: World) -> dict[str, Any]:
    metered = [call for call in world.calls if call.metering is not Metering.NONE]
    full = [call for call in metered if call.metering is Metering.FULL]
    not_context = ("output", WEB_SEARCHES, *PIECES.values())
    pieces = [call for call in full if call.service.model.operation in PIECES]
    return {
        "transactions": len(metered),
        "deliveries": sum(call.deliveries for call in metered),
        "duplicates": sum(call.deliveries - 1 for call in metered),
        "usage_missing": len(metered) - len(full),
        "unpriced": sum(not call.is_listed for call in full),
        "priced": sum(call.is_listed for call in full),
        "pieces": len(pieces),
        "context_tokens": sum(
            q for call in full for name, q in call.quantities.items() if name not in not_context
        ),
        "generated_tokens": sum(call.quantities.get("output", 0) for call in full),
        "web_searches": sum(call.quantities.get(WEB_SEARCHES, 0) for call in full),
        "cost_usd": usd(sum((call_cost_usd(call) or Decimal(0) for call in full), Decimal(0))),
    }
