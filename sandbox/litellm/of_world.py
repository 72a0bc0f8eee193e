"""LiteLLM's books of the world: what the proxy saw of calls it passed on, at its own prices.

What belongs here: calls through the proxy as rows of its daily table (contract litellm §3). What does not: what
they are billed for upstream (`sandbox.books`).
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal

from sandbox.calls import Call
from sandbox.facts import call_cost_usd
from sandbox.litellm.api import ActivityRow, LiteLLMBooks, Metrics
from sandbox.services import PROXY_TEAM
from sandbox.world import World

PROXY_USER = "mobile-backend"


def litellm_books(world: World) -> LiteLLMBooks:
    """What the proxy shows of the world: an estimate at list prices, and the tokens behind it."""
    grouped: dict[tuple[date, str], list[Call]] = defaultdict(list)
    for call in world.calls:
        if call.service.gateway is PROXY_TEAM:
            name = f"{call.service.model.provider}/{call.service.model.asked}"
            grouped[call.started_at.date(), name].append(call)
    who = {"team_id": PROXY_TEAM.project, "user_id": PROXY_USER}
    key = {"token": PROXY_TEAM.key, "key_name": "sk-...0001", "key_alias": PROXY_TEAM.key_name, **who}
    return LiteLLMBooks(
        activity=[
            ActivityRow(day, model, PROXY_TEAM.key or "", PROXY_USER, _metrics(calls))
            for (day, model), calls in grouped.items()
        ],
        keys=[key],
        teams=[{"team_id": PROXY_TEAM.project, "team_alias": PROXY_TEAM.name}],
    )


def _metrics(calls: list[Call]) -> Metrics:
    def tokens(*token_types: str) -> int:
        return sum(call.quantities.get(token_type, 0) for call in calls for token_type in token_types)

    return Metrics(
        spend=sum((call_cost_usd(call) or Decimal(0) for call in calls), Decimal(0)),
        prompt_tokens=tokens("input", "cache_read"),
        completion_tokens=tokens("output"),
        cache_read_input_tokens=tokens("cache_read"),
        total_tokens=tokens("input", "cache_read", "output"),
        successful_requests=len(calls),
        api_requests=len(calls),
    )
