"""What `genai-prices` (MIT) calls things and what they are here, and one state of its table: installed or published.

What belongs here: names, units, what of it is not taken, and reading a release. What does not: flattening it into the
price book (`import_genai_prices.py`).
"""

from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from genai_prices.data import providers
from genai_prices.types import Provider, _providers_from_raw

SOURCE = "genai-prices"
PROVIDERS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "azure_openai": "azure",
    "aws_bedrock": "aws",
    "google": "google",
    "openrouter": "openrouter",
    "mistral": "mistral",
    "xai": "x-ai",
    "together": "together",
    "groq": "groq",
    "cohere": "cohere",
    "perplexity": "perplexity",
    "voyage": "voyageai",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
}
"""Our providers, and what the source calls each."""
OUTDATED = {"deepseek": ("deepseek-chat", "deepseek-reasoner")}
"""Models that the source lists at prices long gone (contract focus-prices-otel §2): better unpriced than wrong."""
LISTED_ELSEWHERE = {"azure_openai": ("openai", "anthropic")}
"""Whose standard prices hold for the models that the source lists not here but, as it says, there."""
RETRIEVED_AT = "2026-11-23T00:00:00Z"
"""When the installed release was fetched; changes with it."""

TIER_CONTEXTS: dict[str, dict[str, str]] = {
    "standard": {},
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
"""Our tiers as the source's request context; its `fast` is no tier of ours."""

MILLION, _THOUSAND, _HOUR_SECONDS = Decimal(1_000_000), Decimal(1_000), Decimal(3_600)
UNITS: dict[str, tuple[str, Decimal]] = {
    "input_mtok": ("input", MILLION),
    "cache_read_mtok": ("cache_read", MILLION),
    "cache_write_mtok": ("cache_write_5m", MILLION),
    "cache_write_1h_mtok": ("cache_write_1h", MILLION),
    "output_mtok": ("output", MILLION),
    "input_audio_mtok": ("audio_input", MILLION),
    "output_audio_mtok": ("audio_output", MILLION),
    "input_image_mtok": ("image_input", MILLION),
    "input_video_mtok": ("video_input", MILLION),
    "output_image_mtok": ("image_output", MILLION),
    "input_mchars": ("characters", MILLION),
    "audio_hours": ("audio_seconds", _HOUR_SECONDS),
    "web_searches_kcount": ("web_searches", _THOUSAND),
    "storage_searches_kcount": ("file_search", _THOUSAND),
}
"""The source's price keys as our token types, and the units their prices are per."""

SOURCE_NAMES = {token_type: key for key, (token_type, _) in UNITS.items()}

NO_BUCKET = (
    "input_audio_hours",
    "cache_audio_read_mtok",
    "cache_image_read_mtok",
    "output_video_mtok",
    "output_reasoning_mtok",
)
"""Price keys left out: audio hours are priced once, and events have no bucket for the others."""
AS_TEXT = ("image_input", "video_input")
"""Token types of Gemini that cost what text does where the source gives them no price of their own: its list has one
price for text, image and video."""
PER_REQUEST = (
    "requests_kcount",
    "input_text_messages_kcount",
    "input_document_kpages",
    "output_citation_mtok",
)
"""Price keys of models that are left out whole: an event has no bucket for them, and the rest is not the cost."""
NOT_ALL_OUTPUT = "output_reasoning_mtok"
"""Where reasoning has a price of its own, output has no single price: none is written."""

ENDINGS = {"openai": ("", "-preview"), "anthropic": ("", "-latest")}
"""What providers append to the prefix of a `starts_with` clause to make a real model name."""


@dataclass(frozen=True)
class Release:
    """One state of the source: its providers, and what its rows say of where they are from."""

    providers: list[Provider]
    version: str
    retrieved_at: str

    def source(self, provider: str) -> Provider | None:
        """What it calls one of our providers; None where it has none."""
        return next((one for one in self.providers if one.id == PROVIDERS[provider]), None)


INSTALLED = Release(providers, version("genai-prices"), RETRIEVED_AT)


def published_release(table: Any, source_version: str, retrieved_at: str) -> Release:
    """The release of a table as the project publishes it: the parsed JSON list of providers.

    Raises:
        ValueError: It is no such table.
    """
    found = _providers_from_raw(table)
    if not any(one.id in PROVIDERS.values() for one in found):
        raise ValueError("it names none of the providers that are priced here")
    return Release(found, source_version, retrieved_at)
