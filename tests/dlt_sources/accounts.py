"""Small accounts on loopback: each provider whose books are plain lines, ready to be read. No expectation here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from dlt_sources import deepgram, elevenlabs, fireworks, mistral, together, vercel, xai
from sandbox.deepgram.api import deepgram_app, deepgram_books
from sandbox.elevenlabs.api import ElevenLabsDesk, elevenlabs_app, elevenlabs_books
from sandbox.fireworks.api import ACCOUNT, fireworks_app, fireworks_books
from sandbox.lines import BookLine, LineBooks, LineDesk
from sandbox.mistral.api import mistral_app, mistral_books
from sandbox.together.api import TogetherDesk, together_app, together_books
from sandbox.vercel.api import vercel_app, vercel_books
from sandbox.xai.api import XaiDesk, xai_app, xai_books
from tests.dlt_sources.conftest import NOW, QUICK
from tests.dlt_sources.served import Served

DAY = date(2026, 10, 1)


@dataclass(frozen=True)
class Account:
    """How one provider is served and read."""

    source: Any
    app: Callable[[Any], Any]
    desk: Callable[[LineBooks], Any]
    books: Callable[[date, int, int], LineBooks]
    report: str
    """The report that holds the bill."""
    amount: Callable[[dict], Decimal]
    """Billed money of one of its rows."""
    key_field: str = "api_key"
    path: str = ""
    form: tuple[tuple[str, str], ...] = ()
    """More fields of the credential form."""

    @property
    def provider(self):
        return self.provider_at(NOW)

    def provider_at(self, now):
        return self.source.build_provider(clock=lambda: now, patience=QUICK)

    def served(self, desk) -> Served:
        """The server, with credentials for it."""
        served = Served(self.app(desk))
        served.credentials = lambda key=None: self.provider.credentials(
            **{self.key_field: key or desk.keys.full, "base_url": served.url + self.path}, **dict(self.form)
        )
        return served


def _nanos(row: dict) -> Decimal:
    return Decimal(row["subtotal_units"]) + Decimal(row["subtotal_nanos"]).scaleb(-9)


ACCOUNTS = {
    "vercel": Account(
        vercel, vercel_app, LineDesk, vercel_books, "report", lambda row: Decimal(row["total_cost"])
    ),
    "fireworks": Account(
        fireworks,
        fireworks_app,
        LineDesk,
        fireworks_books,
        "usage_costs",
        _nanos,
        form=(("account_id", ACCOUNT),),
    ),
    "elevenlabs": Account(
        elevenlabs,
        elevenlabs_app,
        ElevenLabsDesk,
        elevenlabs_books,
        "usage",
        lambda row: Decimal(row["total_cost"]),
    ),
    "xai": Account(
        xai, xai_app, XaiDesk, xai_books, "usage", lambda row: Decimal(row["usd"]), key_field="management_key"
    ),
    "mistral": Account(
        mistral,
        mistral_app,
        LineDesk,
        mistral_books,
        "spend",
        lambda row: Decimal(row["total_usage"]),
        key_field="admin_key",
        path="/api/admin",
    ),
    "deepgram": Account(
        deepgram,
        deepgram_app,
        LineDesk,
        deepgram_books,
        "billing_breakdown",
        lambda row: Decimal(row["dollars"]),
    ),
    "together": Account(
        together, together_app, TogetherDesk, together_books, "usage", lambda row: Decimal(row["cost"])
    ),
}


def line(amount, day=DAY, model="m", token_type="input", quantity=100, **more) -> BookLine:
    return BookLine(day, model, token_type, quantity, Decimal(amount), **more)


def books(*lines, now=NOW, **more) -> LineBooks:
    return LineBooks(now, lines, **more)


def by_day(lines) -> dict[date, Decimal]:
    """Billed money of book lines per day."""
    sums: dict[date, Decimal] = {}
    for item in lines:
        sums[item.date] = sums.get(item.date, Decimal(0)) + item.amount
    return sums


def days_after(day: date, count: int) -> list[date]:
    return [day + timedelta(days=n) for n in range(count)]
