"""What each provider writes in its books: one charge per call and token type, and credits.

What belongs here: billed prices (discounts, private prices), the moment a charge is booked, and restatements.
What does not: how a provider's API shows its books (a folder per provider).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sandbox.calls import Call
from sandbox.catalogue import SONNET, WEB_SEARCHES, Model, unit_price_usd

SONNET_SHARE_PAID = Decimal("0.9")
"""The account negotiated 10 % off the tokens of one model."""


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry in a provider's books; a credit has no model, quantity or call."""

    provider: str
    booked_at: datetime
    amount_usd: Decimal
    project: str | None = None
    key: str | None = None
    model: Model | None = None
    token_type: str | None = None
    tier: str | None = None
    quantity: int | None = None
    call_id: str | None = None

    @property
    def is_credit(self) -> bool:
        """Whether the entry gives money back instead of charging for use."""
        return self.model is None


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
                provider=service.model.provider,
                booked_at=call.booked_at,
                amount_usd=quantity * billed_unit_price_usd(service.model, token_type, service.tier),
                project=service.space.project,
                key=service.space.key,
                model=service.model,
                token_type=token_type,
                tier=service.tier,
                quantity=quantity,
                call_id=call.event_id,
            )


def repriced(factor: Decimal) -> Restatement:
    """Restate amounts by a factor; quantities stand."""
    return lambda charge: replace(charge, amount_usd=charge.amount_usd * factor)


def without_token_type(token_type: str) -> Restatement:
    """Restate a day so that the lines of one token type vanish from it."""
    return lambda charge: None if charge.token_type == token_type else charge


def emptied(charge: Charge) -> None:
    """Restate a day to nothing."""
    del charge
