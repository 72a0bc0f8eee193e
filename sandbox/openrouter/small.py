"""A small OpenRouter account."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.openrouter.api import (
    ActivityRow,
    OpenRouterBooks,
    OpenRouterDesk,
    OpenRouterKeys,
    openrouter_app,
)
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = OpenRouterDesk(_books(now, seed)), OpenRouterKeys()

    def restate() -> None:
        desk.books = _books(now, seed + 1)

    return SmallServer(
        openrouter_app(desk, keys),
        desk,
        lambda url: {"management_key": keys.management, "base_url": f"{url}/api/v1"},
        lambda url: {"management_key": keys.inference, "base_url": f"{url}/api/v1"},
        restate,
    )


def _books(now: datetime, seed: int) -> OpenRouterBooks:
    chance = random.Random(seed)
    workspaces = [{"id": "ws-default", "name": "Default"}, {"id": "ws-zoë", "name": "Team Zoë"}]
    rows = [
        ActivityRow(
            date=first_day(now) + timedelta(days=number),
            model=model,
            model_permaslug=f"{model}-2025-04-14",
            endpoint_id="ep-1",
            provider_name="OpenAI",
            usage=Decimal(chance.randint(1, 10**9)).scaleb(-9),
            byok_usage_inference=Decimal(0),
            requests=chance.randint(1, 50),
            prompt_tokens=chance.randint(1, 10**6),
            completion_tokens=chance.randint(1, 10**5),
            reasoning_tokens=0,
            cached_tokens=0,
            workspace_id=chance.choice(workspaces)["id"],
        )
        for number in range(DAYS)
        for model in chance.sample(["openai/gpt-4.1", "anthropic/claude-sonnet-4.5", "x/unheard-of"], 2)
    ]
    keys = [
        {"hash": f"k{n}", "name": f"key {n}", "disabled": n == 1, "workspace_id": "ws-default"}
        for n in range(3)
    ]
    drawn = sum((row.usage for row in rows), Decimal(0))
    return OpenRouterBooks(now, rows, keys, workspaces, Decimal("100.5"), drawn)
