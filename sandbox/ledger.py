"""The ledger of truth: every number the marts and the report must reach, worked out from the world alone.

What belongs here: summing the matched cells of the whole days into totals, as plain JSON with decimal text.
What does not: the rules inside a cell (`cells`) and the sizes of single complications (`facts`).

Today is never billed here: it has an estimate, metered cost at list price.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sandbox.books import Charge
from sandbox.calls import PIECES, Call, Metering
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
from sandbox.services import ACCOUNTS
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
        today.
        `daily`: the same by account and day, without the estimate.
        `attributed_by`: attributed USD by customer, product and agent.
        `lines`: one row per provider, model and token type: usage as billed and as metered.
        `cells`: one row per account, day, model, token type, tier and project, as billed and as metered.
        `matches`: one row per matched pair, with its attribution and variance.
        `gateways`: what proxies estimate, by account, model and upstream provider; no part of any other sum.
        `events`, `facts`, `alerts`: counts of events, sizes of complications, expected incidents.
    """
    closed = set(world.closed_days)
    charges = [charge for charge in world.charges if charge.booked_at.date() in closed]
    projects = {(charge.account, charge.project) for charge in world.charges if charge.is_usage}
    metered = [
        part for call in world.calls if call.started_at.date() in closed for part in _metered(call, projects)
    ]
    matches = matched((_billed(charge) for charge in charges if charge.is_usage), metered)
    rows = list(_match_rows(matches))
    beside = _Beside(charges)
    provisional = _provisional(world)
    accounts = {
        account: _total(
            [row for row in rows if row["account"] == account],
            beside.credits_usd(account),
            beside.other_usd(account),
            provisional[account],
        )
        for account in world.accounts
        if account not in GATEWAYS
    }
    totals = {
        provider: _sum_of(total for account, total in accounts.items() if ACCOUNTS[account] == provider)
        for provider in dict.fromkeys(ACCOUNTS[account] for account in accounts)
    }
    cells = _cell_rows(charges, metered)
    return {
        "days": {"closed": [day.isoformat() for day in world.closed_days], "today": world.today.isoformat()},
        "totals": _text(totals | {"all": _sum_of(accounts.values())}),
        "accounts": _text(accounts),
        "daily": _text(_daily(rows, beside)),
        "attributed_by": _text(_attributed_by(matches)),
        "lines": _text(_lines(cells)),
        "cells": _text(cells),
        "matches": _text(rows),
        "gateways": _text(_gateways(world)),
        "events": _events(world),
        "facts": world_facts(world),
        "alerts": expected_alerts(world),
    }


class _Beside:
    """What is billed beside usage, by account and day."""

    def __init__(self, charges: Iterable[Charge]) -> None:
        self._charges = [charge for charge in charges if not charge.is_usage]

    @property
    def days(self) -> set[tuple[str, date]]:
        """Accounts and days that have any."""
        return {(charge.account, charge.booked_at.date()) for charge in self._charges}

    def credits_usd(self, account: str, day: date | None = None) -> Decimal:
        """Credits of an account, on a day or on all."""
        return self._sum(account, day, is_credit=True)

    def other_usd(self, account: str, day: date | None = None) -> Decimal:
        """Taxes, fees and adjustments of an account, on a day or on all."""
        return self._sum(account, day, is_credit=False)

    def _sum(self, account: str, day: date | None, is_credit: bool) -> Decimal:
        return sum(
            (
                charge.amount_usd
                for charge in self._charges
                if charge.account == account
                and day in (None, charge.booked_at.date())
                and (charge.category == "credit") == is_credit
            ),
            Decimal(0),
        )


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


def _lines(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = (
        "billed_usd", "billed_quantity", "metered_priced_quantity", "metered_unpriced_quantity", "metered_usd"
    )  # fmt: skip
    sums: dict[tuple[str, str, str], dict[str, Any]] = {}
    for cell in cells:
        key = (cell["provider"], cell["model"] or "", cell["token_type"])
        row = sums.setdefault(key, {name: cell[name] for name in ("provider", "model", "token_type")})
        for column in columns:
            row[column] = row.get(column, 0) + cell[column]
    return [sums[key] for key in sorted(sums)]


def _total(
    rows: Iterable[dict[str, Any]], credits_usd: Decimal, other_usd: Decimal, provisional_usd: Decimal
) -> dict[str, Any]:
    rows = list(rows)

    def total(column: str) -> Decimal:
        return sum((row[column] for row in rows), Decimal(0))

    return {
        "billed_usd": total("billed_usd") + credits_usd + other_usd,
        "attributed_usd": total("attributed_usd"),
        "unattributed_usd": total("unattributed_usd"),
        "credits_usd": credits_usd,
        "other_usd": other_usd,
        "metered_usd": total("metered_usd"),
        "variance": {cause: sum((row["variance"][cause] for row in rows), Decimal(0)) for cause in CAUSES},
        "provisional_usd": provisional_usd,
    }


def _sum_of(totals: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum of totals, name by name."""
    first, *others = totals
    for other in others:
        first = {
            name: _sum_of((value, other[name])) if isinstance(value, dict) else value + other[name]
            for name, value in first.items()
        }
    return first


def _daily(rows: list[dict[str, Any]], beside: _Beside) -> list[dict[str, Any]]:
    keys = sorted({(row["account"], row["day"]) for row in rows} | beside.days)
    return [
        {
            "provider": ACCOUNTS[account],
            "account": account,
            "day": day,
            **_total(
                [row for row in rows if (row["account"], row["day"]) == (account, day)],
                beside.credits_usd(account, day),
                beside.other_usd(account, day),
                Decimal(0),
            ),
        }
        for account, day in keys
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
    estimate = dict.fromkeys(world.accounts, Decimal(0))
    for call in world.calls:
        if call.started_at.date() == world.today and call.metering is Metering.FULL:
            estimate[call.service.space.account] += call_cost_usd(call) or Decimal(0)
    return estimate


def _gateways(world: World) -> list[dict[str, Any]]:
    closed = set(world.closed_days)
    estimates: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for call in world.calls:
        gateway, model = call.service.gateway, call.service.model
        if gateway is not None and call.started_at.date() in closed:
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


def _text(value: Any) -> Any:
    """Amounts and days as text, all the way down."""
    if isinstance(value, dict):
        return {name: _text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_text(part) for part in value]
    if isinstance(value, Decimal):
        return usd(value)
    return value.isoformat() if isinstance(value, date) else value
