"""Cells, variance and attribution as design and contract word them, in Decimal and Fraction, independent of the SQL.

Facts come in as plain records; the tests turn the same facts into raw tables.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

UNIT = Fraction(1, 10**12)


@dataclass(frozen=True)
class Charge:
    connection: str
    day: date
    model: str | None
    token_type: str
    tier: str
    project: str | None
    amount: Decimal
    quantity: Decimal | None
    category: str = "usage"


@dataclass(frozen=True)
class Used:
    connection: str
    day: date
    model: str | None
    token_type: str
    tier: str
    project: str | None
    quantity: int


@dataclass(frozen=True)
class Metered:
    """One quantity of one event; cost None: unpriced. A client's own cost: token_type unmapped, quantity 0."""

    connection: str
    day: date
    model: str
    token_type: str
    tier: str
    project: str | None
    customer: str | None
    quantity: int
    cost: Decimal | None


@dataclass
class Cell:
    charges: list[Charge] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)
    metered: list[Metered] = field(default_factory=list)


def half_up(value: Fraction) -> Fraction:
    units = abs(value) / UNIT
    whole = int(units + Fraction(1, 2))
    return (whole if value >= 0 else -whole) * UNIT


def place(fact):
    """Where a bill puts it: OpenAI tells only batch apart, and nobody names the model of a web search."""
    if fact.token_type == "web_searches":
        return fact.connection, fact.day, None, fact.token_type, "standard"
    tier = (
        "standard"
        if fact.connection.startswith("c-openai") and fact.tier in ("flex", "priority")
        else fact.tier
    )
    return fact.connection, fact.day, fact.model, fact.token_type, tier


def cells_of(charges, used, metered) -> dict[tuple, Cell]:
    whole = {place(m) for m in metered if m.quantity and m.project is None}
    cells = defaultdict(Cell)
    usage_charges = [charge for charge in charges if charge.category == "usage"]
    for facts, name in ((usage_charges, "charges"), (used, "used"), (metered, "metered")):
        for fact in facts:
            coarse = place(fact)
            key = (*coarse, False, None) if coarse in whole else (*coarse, True, fact.project)
            getattr(cells[key], name).append(fact)
    return {key: cell for key, cell in cells.items() if cell.charges or cell.metered}


def quantities(cell: Cell, is_billed: bool) -> dict:
    """B, Qb, Qm, Qp and M of a cell; Qb None when unknown."""
    billed = Fraction(sum((c.amount for c in cell.charges), Decimal(0)))
    metered = sum(m.quantity for m in cell.metered)
    priced = sum(m.quantity for m in cell.metered if m.cost is not None)
    cost = Fraction(sum((m.cost for m in cell.metered if m.cost is not None), Decimal(0)))
    if not cell.charges:
        of_bill = Fraction(0)
    elif all(c.quantity is not None for c in cell.charges):
        of_bill = Fraction(sum(c.quantity for c in cell.charges))
    else:
        of_bill = Fraction(sum(u.quantity for u in cell.used)) if cell.used else None
    if of_bill == 0 and (billed != 0 or (priced == 0 and cost != 0)):
        of_bill = None
    return {
        "B": billed,
        "Qb": of_bill if is_billed else None,
        "Qm": metered,
        "Qp": priced,
        "M": cost,
        "is_billed": is_billed,
    }


def timings(measures: dict[tuple, dict]) -> dict[tuple, Fraction]:
    """Signed quantity of each cell matched with a neighbouring day: even pairs first, then odd ones."""
    rest = {key: m["Qb"] - m["Qm"] for key, m in measures.items() if m["Qb"] is not None}
    timing = defaultdict(Fraction)
    for parity in (0, 1):
        for key in list(rest):
            connection, day, *tail = key
            neighbour = (connection, day + timedelta(days=1), *tail)
            if day.toordinal() % 2 != parity or neighbour not in rest or rest[key] * rest[neighbour] >= 0:
                continue
            matched = min(abs(rest[key]), abs(rest[neighbour]))
            for one in (key, neighbour):
                signed = matched if rest[one] > 0 else -matched
                timing[one] += signed
                rest[one] -= signed
    return timing


def variance(m: dict, timing: Fraction) -> dict[str, Fraction]:
    difference = m["B"] - m["M"]
    causes = dict.fromkeys(("timing", "quantity", "unpriced", "price", "unexplained"), Fraction(0))
    if m["Qb"] is None:
        return {**causes, "unexplained": difference}
    dividend, divisor = (m["M"], m["Qp"]) if m["Qb"] == 0 else (m["B"], m["Qb"])
    price = Fraction(dividend) / Fraction(divisor) if divisor else Fraction(0)
    causes["timing"] = half_up(timing * price)
    causes["quantity"] = half_up((m["Qb"] - timing - m["Qm"]) * price)
    causes["unpriced"] = half_up((m["Qm"] - m["Qp"]) * price)
    causes["price"] = difference - causes["timing"] - causes["quantity"] - causes["unpriced"]
    return causes


def shares(cell: Cell, m: dict) -> dict[tuple, Fraction]:
    """What each (customer, project) of a billed cell pays, before rounding; what nobody metered under None."""
    groups = defaultdict(Fraction)
    for fact in cell.metered:
        groups[fact.customer, fact.project] += (
            fact.quantity if m["Qb"] is not None else Fraction(fact.cost or 0)
        )
    base = max(m["Qb"], m["Qm"]) if m["Qb"] is not None else max(abs(m["B"]), m["M"])
    result = {group: m["B"] * weight / base if base else Fraction(0) for group, weight in groups.items()}
    return {**result, None: m["B"] - sum(result.values())}
