"""Where bill and meter meet, by account, UTC day, canonical model, token type and tier, and the rules there.

An independent statement of the rules the marts follow: how billed money is attributed, and why billed and
metered differ. What belongs here: the arithmetic of one matched pair, exact in fractions, rounded once. What
does not: summing it up (`ledger`), or any code or SQL of the product.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

MONEY_STEP = Decimal("1e-12")
CAUSES = ("timing", "quantity", "price", "unpriced", "unexplained")


class Cell(NamedTuple):
    """Where bill and meter meet."""

    account: str
    day: date
    model: str | None
    """Canonical model; None for what is billed without one, such as web searches."""
    token_type: str
    tier: str


class Owner(NamedTuple):
    """Whom a metered quantity is attributed to."""

    customer: str
    product: str
    agent: str


class Billed(NamedTuple):
    """One usage charge of a cell; `quantity` None when the provider says none."""

    cell: Cell
    project: str | None
    amount_usd: Decimal
    quantity: int | None


class Metered(NamedTuple):
    """One metered quantity; `cost_usd` at list price, None when the model has none."""

    cell: Cell
    project: str | None
    owner: Owner
    quantity: int
    cost_usd: Decimal | None


class MatchKey(NamedTuple):
    """A cell, or its part of one project when every metered event there names its project."""

    cell: Cell
    is_by_project: bool
    project: str | None


@dataclass
class Match:
    """Everything billed and metered under one key."""

    billed_usd: Decimal = Decimal(0)
    billed_quantity: int = 0
    is_quantity_known: bool = True
    metered: list[Metered] = field(default_factory=list)

    @property
    def priced_quantity(self) -> int:
        """Metered units of models with a list price."""
        return sum(part.quantity for part in self.metered if part.cost_usd is not None)

    @property
    def unpriced_quantity(self) -> int:
        """Metered units of models without one."""
        return sum(part.quantity for part in self.metered if part.cost_usd is None)

    @property
    def metered_quantity(self) -> int:
        """Metered units, priced or not."""
        return self.priced_quantity + self.unpriced_quantity

    @property
    def metered_usd(self) -> Decimal:
        """Metered cost at list price, USD."""
        return sum((part.cost_usd for part in self.metered if part.cost_usd is not None), Decimal(0))

    @property
    def residual_quantity(self) -> int:
        """Billed minus metered units."""
        return self.billed_quantity - self.metered_quantity


def matched(billed: Iterable[Billed], metered: Iterable[Metered]) -> dict[MatchKey, Match]:
    """Bring charges and metered quantities together, per project where every metered quantity names one."""
    charges, quantities = list(billed), list(metered)
    cells_without_project = {part.cell for part in quantities if part.project is None}

    def key(cell: Cell, project: str | None) -> MatchKey:
        is_by_project = cell not in cells_without_project
        return MatchKey(cell, is_by_project, project if is_by_project else None)

    matches: dict[MatchKey, Match] = defaultdict(Match)
    for charge in charges:
        match = matches[key(charge.cell, charge.project)]
        match.billed_usd += charge.amount_usd
        match.billed_quantity += charge.quantity or 0
        match.is_quantity_known &= charge.quantity is not None or charge.amount_usd == 0
    for part in quantities:
        matches[key(part.cell, part.project)].metered.append(part)
    for match in matches.values():
        match.is_quantity_known &= match.billed_quantity != 0 or match.billed_usd == 0
    return dict(matches)


def attributed_by_owner(match: Match) -> dict[Owner, Fraction]:
    """Share the billed USD among owners by quantity, else by cost, exactly; the rest is unattributed."""
    weights: dict[Owner, Fraction] = defaultdict(Fraction)
    for part in match.metered:
        weights[part.owner] += Fraction(part.quantity if match.is_quantity_known else part.cost_usd or 0)
    billed = Fraction(match.billed_quantity if match.is_quantity_known else match.billed_usd)
    whole = max(billed, sum(weights.values(), Fraction(0)))
    if whole == 0:
        return {}
    return {owner: Fraction(match.billed_usd) * weight / whole for owner, weight in weights.items()}


def timing_quantities(matches: Mapping[MatchKey, Match]) -> dict[MatchKey, int]:
    """Match what one day is billed too little with what its neighbour is billed too much, in units.

    Pairs of days that begin on an even ordinal come first, then the others on what is left.
    """
    left = {key: match.residual_quantity for key, match in matches.items() if match.is_quantity_known}
    timing = dict.fromkeys(matches, 0)
    for parity in (0, 1):
        for key in [key for key in left if key.cell.day.toordinal() % 2 == parity]:
            next_key = key._replace(cell=key.cell._replace(day=key.cell.day + timedelta(days=1)))
            here, there = left[key], left.get(next_key, 0)
            if here * there < 0:
                moved = min(abs(here), abs(there))
                for end, sign in ((key, here // abs(here)), (next_key, there // abs(there))):
                    timing[end] += sign * moved
                    left[end] -= sign * moved
    return timing


def variance_usd(match: Match, timing_quantity: int) -> dict[str, Decimal]:
    """Split billed less metered into its causes, USD at 12 decimals, in sum exact."""
    difference = match.billed_usd - match.metered_usd
    causes = dict.fromkeys(CAUSES, Decimal(0))
    if not match.is_quantity_known:
        return causes | {"unexplained": difference}
    unit = _unit_price(match)
    causes["timing"] = rounded(timing_quantity * unit)
    causes["quantity"] = rounded((match.residual_quantity - timing_quantity) * unit)
    causes["unpriced"] = rounded(match.unpriced_quantity * unit)
    causes["price"] = difference - causes["timing"] - causes["quantity"] - causes["unpriced"]
    return causes


def rounded(amount: Fraction) -> Decimal:
    """Round to 12 decimals, half away from zero."""
    steps = abs(amount) / Fraction(MONEY_STEP)
    whole = Decimal(int(steps + Fraction(1, 2)))
    return (whole if amount >= 0 else -whole) * MONEY_STEP


def _unit_price(match: Match) -> Fraction:
    if match.billed_quantity:
        return Fraction(match.billed_usd) / match.billed_quantity
    if match.priced_quantity:
        return Fraction(match.metered_usd) / match.priced_quantity
    return Fraction(0)
