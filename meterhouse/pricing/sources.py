"""Where newer prices come from: a file or a URL that holds one of the books we read, or the book of this release.

What belongs here: fetching, and telling which book it is. What does not: flattening it (`import_*.py`), or what of it
holds (`merge.py`).
"""

import hashlib
import io
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zipfile import BadZipFile

import polars as pl
import requests

from meterhouse.errors import MeterhouseError
from meterhouse.pricing import import_litellm_prices
from meterhouse.pricing.book import SEEDS_FOLDER, Listing, listed, read_listed
from meterhouse.pricing.premiums import PREMIUM_SCHEMA, premiums_of
from meterhouse.pricing.seeds import ALIAS_COLUMNS, PREMIUM_COLUMNS, Row

SHIPPED = "shipped"
_PROJECTS = "https://raw.githubusercontent.com"
PUBLISHED = {
    "genai-prices": f"{_PROJECTS}/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json",
    import_litellm_prices.SOURCE: f"{_PROJECTS}/BerriAI/litellm/main/model_prices_and_context_window.json",
}
"""Where the projects publish their tables, by the name that stands for it."""
_FIRST_BOOK, _ITS_SOURCE = "meterhouse.pricing.import_genai_prices", "meterhouse.pricing.genai_prices_source"
"""Imported where its table is read alone: that takes a second, and landing events needs none of it."""
_TIMEOUT_SECONDS = 60
_ALIASES = dict.fromkeys(ALIAS_COLUMNS, pl.String)
_NO_ALIASES, _NO_PREMIUMS = pl.DataFrame(schema=_ALIASES), pl.DataFrame(schema=PREMIUM_SCHEMA)
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, BadZipFile, pl.exceptions.PolarsError)


class PriceSourceError(MeterhouseError):
    """A file or URL with prices cannot be fetched, or holds none of the books we read."""


@dataclass(frozen=True)
class Offer:
    """A newer book, and what is recorded of where it is from."""

    listing: Listing
    source: str
    source_version: str
    place: str


def read_offer(place: str | None, aliases: pl.DataFrame, now: datetime) -> Offer:
    """The book in a file or at a URL.

    Args:
        place: a file, a URL, a name in `PUBLISHED`, or None for the book shipped with this release. It may hold
            genai-prices' table (JSON), LiteLLM's (JSON, or its wheel), or a price book of our own form (CSV).
        aliases: the aliases in force, by which LiteLLM's names become canonical models.
        now: recorded as when it was retrieved.

    Raises:
        PriceSourceError: it cannot be fetched, or holds none of these.
    """
    if place is None:
        return Offer(read_listed(SEEDS_FOLDER), SHIPPED, _versions(SEEDS_FOLDER), SHIPPED)
    content, place = _fetched(PUBLISHED.get(place, place))
    digest = f"sha256:{hashlib.sha256(content).hexdigest()[:12]}"
    try:
        return _recognised(content, place, digest, aliases, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise PriceSourceError(
            f"{place} holds no price book that can be read: {reason}.",
            "It may be genai-prices' table (JSON), LiteLLM's (JSON, or its wheel), or a price book (CSV); see "
            "docs/prices.md.",
        ) from None


def _fetched(place: str) -> tuple[bytes, str]:
    """The content, and the place without what may be a secret in it."""
    if not place.startswith(("http://", "https://")):
        try:
            return Path(place).read_bytes(), Path(place).name
        except OSError as error:
            raise PriceSourceError(f"{place} cannot be read: {error.strerror}.", "Check the path.") from None
    parts = urlsplit(place)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    try:
        answer = requests.get(place, timeout=_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise PriceSourceError(
            f"{shown} cannot be reached ({type(error).__name__}).",
            "Fetch it where you can reach it, and give the file.",
        ) from None
    if answer.status_code != requests.codes.ok:
        raise PriceSourceError(f"{shown} answered {answer.status_code}.", "Check the address.")
    return answer.content, shown


def _recognised(content: bytes, place: str, digest: str, aliases: pl.DataFrame, now: str) -> Offer:
    if content.startswith(b"PK"):
        table, version = import_litellm_prices.table_in_wheel(content, place)
        return _of_litellm(table, version, place, aliases, now)
    if place.endswith(".csv"):
        return _of_rows(content, place, digest, now)
    table = json.loads(content, parse_float=Decimal)
    if isinstance(table, list):
        flattening, source = import_module(_FIRST_BOOK), import_module(_ITS_SOURCE)
        release = source.published_release(table, digest, now)
        rows, names = flattening.price_rows(release), flattening.alias_rows(release)
        listing = Listing(_listed(rows), pl.DataFrame(names, schema=_ALIASES), _NO_PREMIUMS)
        return Offer(listing, source.SOURCE, digest, place)
    return _of_litellm(table, digest, place, aliases, now)


def _of_litellm(table: dict[str, Any], version: str, place: str, aliases: pl.DataFrame, now: str) -> Offer:
    rows = list(import_litellm_prices.price_rows(table, aliases, version, now))
    if not rows:
        raise ValueError("it has no price of a provider that is taken from LiteLLM's table")
    premiums = pl.DataFrame(
        list(import_litellm_prices.premium_rows(table, aliases, version, now)),
        schema=dict.fromkeys(PREMIUM_COLUMNS, pl.String),
    )
    listing = Listing(_listed(rows), _NO_ALIASES, premiums_of(premiums))
    return Offer(listing, import_litellm_prices.SOURCE, version, place)


def _of_rows(content: bytes, place: str, digest: str, now: str) -> Offer:
    rows = pl.read_csv(io.BytesIO(content), infer_schema=False)
    for name, value in (("source", place), ("source_version", digest), ("retrieved_at", now)):
        said = pl.col(name).fill_null(value) if name in rows.columns else pl.lit(value)
        rows = rows.with_columns(said.alias(name))
    if "price_version" not in rows.columns:
        rows = rows.with_columns(price_version=pl.lit(digest.removeprefix("sha256:")))
    return Offer(Listing(listed(rows), _NO_ALIASES, _NO_PREMIUMS), place, digest, place)


def _listed(rows: list[Row]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    return listed(frame.with_columns(pl.col("valid_from", "valid_to").replace("", None)))


def _versions(folder: Path) -> str:
    found = (
        read_listed(folder)
        .prices.select(pl.concat_str("source", "source_version", separator=" "))
        .unique()
        .to_series()
        .sort()
    )
    return ", ".join(found.to_list())
