"""A small Azure subscription with one AI account."""

import random
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from sandbox.azure_openai.api import azure_openai_app
from sandbox.azure_openai.books import Account, AzureBooks, AzureDesk, CostLine, Deployment, TokenCount
from sandbox.small import DAYS, Form, SmallServer, first_day

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
ACCOUNT_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/AI/providers/Microsoft.CognitiveServices/accounts/aoai-zoë"
)


def small_server(now: datetime, seed: int) -> SmallServer:
    """The subscription and its server."""
    desk = AzureDesk(_books(now, seed))

    def restate() -> None:
        desk.books = _books(now, seed + 1)

    def form(url: str) -> Form:
        app = desk.app
        signed = {
            "tenant_id": app.tenant_id,
            "client_id": app.client_id,
            "client_secret": app.client_secret,
        }
        return signed | {"scope": SUBSCRIPTION, "login_url": url, "management_url": url}

    def weak_form(url: str) -> Form:
        desk.roles.clear()
        return form(url)

    return SmallServer(azure_openai_app(desk), desk, form, weak_form, restate)


def _books(now: datetime, seed: int) -> AzureBooks:
    chance = random.Random(seed)
    days = [first_day(now) + timedelta(days=number) for number in range(DAYS)]
    meters = ("gpt 4o 0806 Inp glbl Tokens", "gpt 4o 0806 Outp glbl Tokens")
    lines = tuple(
        CostLine(
            day,
            ACCOUNT_ID,
            meter,
            "1K",
            Decimal(chance.randint(1, 10**6)).scaleb(-3),
            Decimal(chance.randint(1, 10**9)).scaleb(-9),
        )
        for day in days
        for meter in meters
    )
    counts = tuple(
        TokenCount(
            datetime.combine(day, time(3), UTC),
            ACCOUNT_ID,
            "chat",
            "gpt-4o",
            metric,
            chance.randint(1, 10**6),
        )
        for day in days
        for metric in ("ProcessedPromptTokens", "GeneratedTokens")
    )
    return AzureBooks(
        accounts=(Account(ACCOUNT_ID),),
        deployments=(Deployment(ACCOUNT_ID, "chat", "gpt-4o", "2024-08-06"),),
        lines=lines,
        counts=counts,
    )
