"""A small LiteLLM proxy."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.litellm.api import ActivityRow, LiteLLMBooks, LiteLLMDesk, LiteLLMKeys, Metrics, litellm_app
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The proxy and its server."""
    desk, keys = LiteLLMDesk(_books(now, seed)), LiteLLMKeys()

    def restate() -> None:
        desk.books = _books(now, seed + 1)

    return SmallServer(
        litellm_app(desk, keys),
        desk,
        lambda url: {"api_key": keys.admin, "base_url": url},
        lambda url: {"api_key": keys.user, "base_url": url},
        restate,
    )


def _books(now: datetime, seed: int) -> LiteLLMBooks:
    chance = random.Random(seed)
    rows = []
    for number in range(DAYS):
        for model in chance.sample(["gpt-4.1", "claude-sonnet-4-5", "vertex_ai/gemini-2.5-pro"], 2):
            prompt, completion = chance.randint(1, 10**6), chance.randint(1, 10**5)
            metrics = Metrics(
                spend=Decimal(chance.randint(1, 10**9)).scaleb(-9),
                prompt_tokens=prompt,
                completion_tokens=completion,
                total_tokens=prompt + completion,
                successful_requests=1,
                api_requests=1,
            )
            rows.append(ActivityRow(first_day(now) + timedelta(days=number), model, "hash-1", "zoë", metrics))
    keys = [{"token": f"hash-{n}", "key_alias": f"key {n}", "team_id": "t-1"} for n in range(3)]
    return LiteLLMBooks(rows, keys, [{"team_id": "t-1", "team_alias": "Équipe"}])
