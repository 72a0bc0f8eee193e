"""The models of the world and their list prices, USD per million tokens (or images, or tasks).

What belongs here: names of a model at each door (asked, served, billed), its canonical name, and what its
provider publishes as its price. What does not: discounts and other terms of one account (`books`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

TOKENS_PER_PRICE = 1_000_000
BATCH_SHARE = Decimal("0.5")
"""Batch calls cost half at every provider, wherever that is published."""
WEB_SEARCH_USD = Decimal("0.01")
"""List price of one Anthropic web search."""
WEB_SEARCHES = "web_searches"

Prices = Mapping[str, Decimal]
"""USD per million tokens by token type."""


def _prices(**usd_per_million: str) -> Prices:
    return {token_type: Decimal(text) for token_type, text in usd_per_million.items()}


@dataclass(frozen=True, eq=False)
class Model:
    """One model: its names, and its public list price, or the private one only its bill knows."""

    provider: str
    canonical: str
    asked: str
    served: str | None
    """Name in the answer; None at providers whose answers name no model."""
    billed: str
    title: str
    list_prices: Prices
    private_prices: Prices | None = None
    operation: str = "chat"
    listed_tiers: tuple[str, ...] = ("standard", "batch")

    def is_listed(self, tier: str = "standard") -> bool:
        """Whether a public list price exists for calls of a tier."""
        return bool(self.list_prices) and tier in self.listed_tiers


GPT_4O = Model(
    "openai", "gpt-4o", "gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "GPT-4o",
    _prices(input="2.50", cache_read="1.25", output="10"),
)  # fmt: skip
GPT_5_MINI = Model(
    "openai", "gpt-5-mini", "gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-mini", "GPT-5 mini",
    _prices(input="0.25", cache_read="0.025", output="2"),
)  # fmt: skip
O1_PRO = Model(
    "openai", "o1-pro", "o1-pro", "o1-pro-2025-03-19", "o1-pro-2025-03-19", "o1-pro",
    _prices(input="150", output="600"),
)  # fmt: skip
EMBEDDING = Model(
    "openai", "text-embedding-3-small", "text-embedding-3-small", "text-embedding-3-small",
    "text-embedding-3-small", "text-embedding-3-small", _prices(input="0.02"), operation="embed",
)  # fmt: skip
ACME_INTERNAL = Model(
    "openai", "acme-internal-ft", "acme-internal-ft", "acme-internal-ft", "acme-internal-ft",
    "acme-internal-ft", _prices(), private_prices=_prices(input="3.75", output="15"),
)  # fmt: skip
SONNET = Model(
    "anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929",
    "claude-sonnet-4-5-20250929", "Claude Sonnet 4.5",
    _prices(input="3", cache_read="0.30", cache_write_5m="3.75", cache_write_1h="6", output="15"),
)  # fmt: skip
HAIKU = Model(
    "anthropic", "claude-haiku-4-5", "claude-haiku-4-5", "claude-haiku-4-5-20251001",
    "claude-haiku-4-5-20251001", "Claude Haiku 4.5",
    _prices(input="1", cache_read="0.10", cache_write_5m="1.25", cache_write_1h="2", output="5"),
)  # fmt: skip

_STANDARD = ("standard",)
BEDROCK_SONNET = Model(
    "aws_bedrock", "claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", None,
    "Claude Sonnet 4.5 (Amazon Bedrock Edition)", "Claude Sonnet 4.5",
    _prices(input="3.30", cache_read="0.33", cache_write_5m="4.125", output="16.50"), listed_tiers=_STANDARD,
)  # fmt: skip
"""Called through a profile that keeps to its geography, which costs a tenth more than the global one."""
NOVA_PRO = Model(
    "aws_bedrock", "nova-pro", "amazon.nova-pro-v1:0", None, "NovaPro", "Nova Pro",
    _prices(input="0.80", cache_read="0.20", output="3.20"), listed_tiers=_STANDARD,
)  # fmt: skip
NOVA_LITE = Model(
    "aws_bedrock", "nova-lite",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0", None, "NovaLite",
    "Nova Lite", _prices(input="0.06", cache_read="0.015", output="0.24"), listed_tiers=_STANDARD,
)  # fmt: skip
NOVA_MICRO = Model(
    "aws_bedrock", "nova-micro", "amazon.nova-micro-v1:0", None, "NovaMicro", "Nova Micro",
    _prices(input="0.035", cache_read="0.00875", output="0.14"), listed_tiers=_STANDARD,
)  # fmt: skip
AZURE_GPT_4O = Model(
    "azure_openai", "gpt-4o", "chat-prod", "gpt-4o-2024-08-06", "gpt 4o 0806", "gpt-4o",
    _prices(input="2.50", cache_read="1.25", output="10"), listed_tiers=_STANDARD,
)  # fmt: skip
AZURE_GPT_5 = Model(
    "azure_openai", "gpt-5", "planner", "gpt-5-2025-08-07", "GPT 5", "gpt-5",
    _prices(input="1.25", cache_read="0.125", output="10"), listed_tiers=_STANDARD,
)  # fmt: skip
ROUTED_SONNET = Model(
    "openrouter", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5",
    "anthropic/claude-4.5-sonnet-20250929", "Anthropic", _prices(input="3", cache_read="0.30", output="15"),
    listed_tiers=_STANDARD,
)  # fmt: skip
ROUTED_MINI = Model(
    "openrouter", "openai/gpt-4.1-mini", "openai/gpt-4.1-mini", "openai/gpt-4.1-mini",
    "openai/gpt-4.1-mini-2025-04-14", "OpenAI", _prices(input="0.40", cache_read="0.10", output="1.60"),
    listed_tiers=_STANDARD,
)  # fmt: skip
GEMINI_FLASH = Model(
    "google", "gemini-2.5-flash", "gemini-2.5-flash", "gemini-2.5-flash", "Gemini 2.5 Flash", "Gemini 2.5 Flash",
    _prices(input="0.30", cache_read="0.03", output="2.50"), listed_tiers=_STANDARD,
)  # fmt: skip
GEMINI_PRO = Model(
    "google", "gemini-2.5-pro", "publishers/google/models/gemini-2.5-pro", None, "Gemini 2.5 Pro", "Gemini 2.5 Pro",
    _prices(input="1.25", cache_read="0.125", output="10"), listed_tiers=_STANDARD,
)  # fmt: skip
FLUX = Model(
    "piapi", "flux", "flux", None, "txt2img", "Flux", _prices(), _prices(images="15000"), operation="image"
)  # fmt: skip
KLING = Model(
    "piapi", "kling", "kling", None, "video_generation", "Kling", _prices(), _prices(tool_calls="640000"),
    operation="video",
)  # fmt: skip

MODELS = (
    GPT_4O, GPT_5_MINI, O1_PRO, EMBEDDING, ACME_INTERNAL, SONNET, HAIKU, BEDROCK_SONNET, NOVA_PRO, NOVA_LITE,
    NOVA_MICRO, AZURE_GPT_4O, AZURE_GPT_5, ROUTED_SONNET, ROUTED_MINI, GEMINI_FLASH, GEMINI_PRO, FLUX, KLING,
)  # fmt: skip


def unit_price_usd(model: Model, prices: Prices, token_type: str, tier: str) -> Decimal:
    """Price of one unit of `token_type` (a token, a web search, ...) in `tier`, USD, under a price sheet."""
    if token_type == WEB_SEARCHES:
        return WEB_SEARCH_USD
    if token_type not in prices:
        raise ValueError(f"the sandbox has no price for {token_type} of {model.canonical}")
    per_unit = prices[token_type] / TOKENS_PER_PRICE
    return per_unit * BATCH_SHARE if tier == "batch" else per_unit
