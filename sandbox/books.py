"""What each provider writes in its books: one charge per call and token type, credits, taxes and refunds.

What belongs here: billed prices (discounts, private prices), the moment a charge is booked, the digits a bill is
rounded to, and restatements. What does not: how a provider's API shows its books (a folder per provider).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from sandbox.calls import Call
from sandbox.catalogue import SONNET, WEB_SEARCHES, Model, unit_price_usd
from sandbox.services import ACCOUNTS

SONNET_SHARE_PAID = Decimal("0.9")
"""The account negotiated 10 % off the tokens of one model."""
NOT_USAGE = (
    ("openai", "credit", Decimal("-3.50")),
    ("aws_bedrock", "credit", Decimal("-0.7500000000")),
    ("aws_bedrock", "tax", Decimal("0.1900000000")),
    ("aws_bedrock", "adjustment", Decimal("-0.1234567891")),
    ("google", "credit", Decimal("-0.4")),
    ("azure_openai", "adjustment", Decimal("-0.25")),
)
"""What is booked beside usage on the first day, by account."""
BILL_DIGITS = {"aws_bedrock": Decimal("1e-10"), "google": Decimal("1e-6")}
"""Providers that round each line of their bill, and to what; the others show every digit."""
TOLD_AFTER = {"openrouter": timedelta(minutes=30)}
"""How long after its end a day of an account's books is told, where it is not at once (contract openrouter §4.5)."""
HOURLY_BILLS = frozenset({"google"})
"""Providers of these whose lines are of an hour; the others' are of a day."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry in a provider's books; what is no usage has no model, quantity or call."""

    account: str
    booked_at: datetime
    amount_usd: Decimal
    category: str = "usage"
    project: str | None = None
    key: str | None = None
    region: str | None = None
    model: Model | None = None
    token_type: str | None = None
    tier: str | None = None
    quantity: int | None = None
    call_id: str | None = None

    @property
    def provider(self) -> str:
        """Whose books it is in."""
        return ACCOUNTS[self.account]

    @property
    def is_usage(self) -> bool:
        """Whether the entry charges for use."""
        return self.category == "usage"


Restatement = Callable[[Charge], Charge | None]
"""What a provider makes of one charge when it restates; None takes it out of the books."""


def billed_unit_price_usd(model: Model, token_type: str, tier: str) -> Decimal:
    """What this account pays per unit, USD."""
    price = unit_price_usd(model, model.private_prices or model.list_prices, token_type, tier)
    return price * SONNET_SHARE_PAID if model is SONNET and token_type != WEB_SEARCHES else price


def charges_of(call: Call) -> Iterator[Charge]:
    """Book a call: one charge for each quantity that is not zero."""
    service = call.service
    for token_type, quantity in call.quantities.items():
        if quantity:
            yield Charge(
                account=service.space.account,
                booked_at=call.booked_at,
                amount_usd=quantity * billed_unit_price_usd(service.model, token_type, service.tier),
                project=service.space.project,
                key=service.space.key,
                region=service.space.region,
                model=service.model,
                token_type=token_type,
                tier=service.tier,
                quantity=quantity,
                call_id=call.event_id,
            )


def charges_beside_usage(accounts: Iterable[str], booked_at: datetime) -> list[Charge]:
    """Credits, taxes and refunds of the accounts."""
    return [
        Charge(account, booked_at, amount, category)
        for account, category, amount in NOT_USAGE
        if account in accounts
    ]


def as_billed(charges: Iterable[Charge]) -> list[Charge]:
    """Round the lines of the bills that are rounded: what a line loses or gains stands in its last charge.

    A line is a day, or an hour, of a token type of a model in a region.
    """
    billed = list(charges)
    lines: dict[tuple[object, ...], list[int]] = {}
    for place, charge in enumerate(billed):
        if charge.provider in BILL_DIGITS and charge.is_usage:
            hour = hour_of(charge.booked_at)
            period = hour if charge.provider in HOURLY_BILLS else hour.date()
            key = (charge.account, period, charge.region, charge.model, charge.token_type, charge.tier)
            lines.setdefault(key, []).append(place)
    for places in lines.values():
        exact = sum((billed[place].amount_usd for place in places), Decimal(0))
        last = billed[places[-1]]
        rounded = exact.quantize(BILL_DIGITS[last.provider], ROUND_HALF_UP)
        billed[places[-1]] = replace(last, amount_usd=last.amount_usd + rounded - exact)
    return billed


def hour_of(moment: datetime) -> datetime:
    """Start of the hour of a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def repriced(factor: Decimal) -> Restatement:
    """Restate amounts by a factor; quantities stand."""
    return lambda charge: replace(charge, amount_usd=charge.amount_usd * factor)


def without_token_type(token_type: str) -> Restatement:
    """Restate a day so that the lines of one token type vanish from it."""
    return lambda charge: None if charge.token_type == token_type else charge


def emptied(charge: Charge) -> None:
    """Restate a day to nothing."""
    del charge
