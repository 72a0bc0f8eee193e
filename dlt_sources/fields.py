"""Types of the fields in providers' credential forms, shared by all of them.

What belongs here: checks of what a user typed that every provider wants. What does not: any provider's form.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from dlt_sources.addresses import is_forbidden


def _one_word(secret: SecretStr) -> SecretStr:
    """The key without blanks around it; what could not stand in a header is refused without being shown."""
    key = secret.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", key):
        raise ValueError(
            "a key is one word of plain letters, digits and signs; copy it again, whole and alone"
        )
    return SecretStr(key)


def http_url(url: str) -> str:
    """The address without a slash at its end; anything but a plain http or https one of a provider is refused."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", url):
        raise ValueError("a base URL looks like https://api.example.com/v1, with no user, query or fragment")
    if is_forbidden(urlsplit(url).hostname or ""):
        raise ValueError("a cloud's metadata service is no provider; enter the provider's own address")
    return url.rstrip("/")


ApiKey = Annotated[SecretStr, AfterValidator(_one_word)]
"""A secret key that is sent in a header."""

BaseUrl = Annotated[str, AfterValidator(http_url)]
"""Where an API answers; https, or http for a proxy nearby."""
