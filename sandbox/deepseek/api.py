"""DeepSeek on loopback: the balance, for API keys (contract DeepSeek §5.13).

What belongs here: the path, refusals, and the balances shown (`DeepSeekBooks`, given).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import Faults, FaultyServer
from sandbox.responses import ExactJSONResponse


@dataclass(frozen=True)
class Balance:
    """What is left in one currency: granted and topped up."""

    currency: str
    granted: Decimal
    topped_up: Decimal


@dataclass(frozen=True)
class DeepSeekBooks:
    """Everything the account knows at a moment."""

    now: datetime
    balances: list[Balance]


@dataclass
class DeepSeekDesk:
    """What the server works from; put other books in as money is spent."""

    books: DeepSeekBooks
    key: str = "sk-deepseek-0000"
    faults: Faults = field(default_factory=Faults)
    requests: list[str] = field(default_factory=list)
    """Path and query of every request, faults included, in order."""


def small_account(first_day: date, days: int, seed: int) -> tuple[DeepSeekBooks, dict[str, Decimal]]:
    """Books at the end of some days of spending, and the balance per currency: the truth about it."""
    spent = Decimal(seed + 1) * days / 100
    balances = [
        Balance("USD", Decimal("10.00"), Decimal("100.00") - spent),
        Balance("CNY", Decimal(0), Decimal("50.5")),
    ]
    now = datetime.combine(first_day + timedelta(days=days), time(6), UTC)
    return DeepSeekBooks(now, balances), {
        balance.currency: balance.granted + balance.topped_up for balance in balances
    }


def deepseek_app(desk: DeepSeekDesk) -> ASGIApp:
    """Build the server."""

    async def balance(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {desk.key}":
            return refuse(401)
        infos = [
            {
                "currency": one.currency,
                "total_balance": format(one.granted + one.topped_up, "f"),
                "granted_balance": format(one.granted, "f"),
                "topped_up_balance": format(one.topped_up, "f"),
            }
            | desk.faults.extra_fields
            for one in desk.books.balances
        ]
        return ExactJSONResponse({"is_available": True, "balance_infos": infos})

    return FaultyServer(Starlette(routes=[Route("/user/balance", balance)]), desk, refuse)


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    messages = {401: "Authentication Fails (no such user)", 429: "Rate limit reached"}
    error = {"message": messages.get(status, "Internal error"), "type": "error", "param": None, "code": None}
    return ExactJSONResponse({"error": error}, status)
