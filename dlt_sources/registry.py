"""All providers, one explicit line each. Names are looked up here, never parsed."""

from dlt_sources import (
    anthropic,
    aws_bedrock,
    azure_openai,
    cloudflare,
    cursor,
    databricks,
    deepgram,
    deepseek,
    elevenlabs,
    file,
    fireworks,
    github_copilot,
    google,
    litellm,
    mistral,
    openai,
    openrouter,
    piapi,
    snowflake,
    together,
    vercel,
    xai,
)
from dlt_sources.contract import Provider

PROVIDERS: dict[str, Provider] = {
    "anthropic": anthropic.provider,
    "openai": openai.provider,
    "azure_openai": azure_openai.provider,
    "aws_bedrock": aws_bedrock.provider,
    "google": google.provider,
    "openrouter": openrouter.provider,
    "litellm": litellm.provider,
    "cloudflare": cloudflare.provider,
    "deepseek": deepseek.provider,
    "piapi": piapi.provider,
    "cursor": cursor.provider,
    "github_copilot": github_copilot.provider,
    "databricks": databricks.provider,
    "file": file.provider,
    "snowflake": snowflake.provider,
    "vercel": vercel.provider,
    "fireworks": fireworks.provider,
    "elevenlabs": elevenlabs.provider,
    "xai": xai.provider,
    "mistral": mistral.provider,
    "deepgram": deepgram.provider,
    "together": together.provider,
}


def provider(name: str) -> Provider:
    """The provider of that short name.

    Raises:
        LookupError: no provider has it; the message lists those there are.
    """
    try:
        return PROVIDERS[name]
    except KeyError:
        known = ", ".join(sorted(PROVIDERS))
        raise LookupError(f"There is no provider {name!r}; the known ones are: {known}.") from None
