"""Development tool that adds the long tail of Azure to the price book from LiteLLM's table (MIT), in its wheel.

Run: `python -m meterhouse.pricing.import_litellm_prices FILE RETRIEVED_AT` after the first book's import, where FILE is
the wheel (fetched without its dependencies) or the table from it. What belongs here: flattening of that table, and
where the two books disagree. What does not: the first book (`import_genai_prices.py`), whose prices stand wherever both
have one.

The table knows no dates: its prices hold for all time. What it has that the first book has not are Azure's data zones
(`eu`, `us`) and Azure's own and retired models. A model with a price that an event has no quantity for is left out.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import polars as pl

from meterhouse.pricing.book import SEEDS_FOLDER, UNIT_PRICE
from meterhouse.pricing.models import GOVERNMENT, REGIONAL, with_canonical_model
from meterhouse.pricing.overrides import BASE
from meterhouse.pricing.seeds import ALIAS_COLUMNS, PREMIUM_COLUMNS, PRICE_COLUMNS, Row, read_rows, write_rows

SOURCE = "litellm"
PROVIDER = "azure_openai"
REGIONS = ("eu", "us")
_KEY = re.compile(r"azure/(?:(eu|us)/)?([^/]+)")
_TABLE = "litellm/model_prices_and_context_window_backup.json"

TOKEN_TYPES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
}
"""The table's price keys as our token types; every one is per token."""
TIERS = {"": "standard", "_batches": "batch", "_flex": "flex", "_priority": "priority"}
"""Endings of the table's price keys as our tiers."""
_ENDING = re.compile(r"(?:_above_(\d+)k_tokens)?(_batches|_flex|_priority)?")
SELLERS = dict.fromkeys(("openai", "anthropic", "mistral", "xai", "groq", "cohere", "voyage")) | {
    "gemini": "google",
    "together_ai": "together",
    "cohere_chat": "cohere",
    "bedrock_converse": "aws_bedrock",
}
"""Whose prices the table says beside Azure's, and what each is here where it has another name."""
_GEOGRAPHIES = ("global", "us", "eu", "apac", "jp", "au")
_PER_TOKEN_MODES = ("chat", "responses", "completion", "embedding")


@dataclass(frozen=True)
class _Entry:
    """One entry of the table: whose, under which name and in which region, and its prices."""

    provider: str
    name: str
    region: str
    prices: dict[str, Any]


def main(file: Path, retrieved_at: str, folder: Path = SEEDS_FOLDER) -> None:
    """Replace the rows of this source in `price_book.csv` and `model_aliases.csv` of the folder, and its premiums."""
    table, version = read_table(file)
    before = read_rows(folder / "price_book.csv")
    prices = [row for row in before if row["source"] != SOURCE]
    own = {row["model"] for row in before if row["source"] == SOURCE}
    own -= {row["model"] for row in prices if row["provider"] == PROVIDER}
    aliases = [
        row
        for row in read_rows(folder / "model_aliases.csv")
        if row["provider"] != PROVIDER or row["model"] not in own
    ]
    rows = list(price_rows(table, pl.DataFrame(aliases), version, retrieved_at))
    taken = {_sheet(row) for row in prices}
    added = [row for row in rows if _sheet(row) not in taken]
    names = sorted(
        {row["model"] for row in added} - {row["alias"] for row in aliases if row["provider"] == PROVIDER}
    )
    write_rows(folder / "price_book.csv", PRICE_COLUMNS, [*prices, *added])
    opinions = opinion_rows(table, pl.DataFrame(aliases), version, retrieved_at)
    firsts = {_price(row): row["unit_price_usd"] for row in prices if not row["valid_to"]}
    differing = [
        row for row in opinions if firsts.get(_price(row), row["unit_price_usd"]) != row["unit_price_usd"]
    ]
    write_rows(folder / "price_opinions.csv", PRICE_COLUMNS, differing)
    premiums = list(premium_rows(table, pl.DataFrame(aliases), version, retrieved_at))
    write_rows(folder / "price_premiums.csv", PREMIUM_COLUMNS, premiums)
    itself = [{"provider": PROVIDER, "alias": name, "model": name} for name in names]
    write_rows(folder / "model_aliases.csv", ALIAS_COLUMNS, [*aliases, *itself])


def read_table(file: Path) -> tuple[dict[str, Any], str]:
    """The table and the version of the wheel it is from; `file` when it is the table alone.

    Numbers keep the digits they are written with.
    """
    if file.suffix != ".whl":
        return json.loads(file.read_text(), parse_float=Decimal), "file"
    return table_in_wheel(file.read_bytes(), file.name)


def table_in_wheel(content: bytes, name: str) -> tuple[dict[str, Any], str]:
    """The table and the version of a wheel, of which the file's name tells."""
    with ZipFile(BytesIO(content)) as wheel:
        return json.loads(wheel.read(_TABLE), parse_float=Decimal), name.split("-")[1]


def price_rows(
    table: dict[str, Any], aliases: pl.DataFrame, version: str, retrieved_at: str
) -> Iterator[Row]:
    """Rows of the price book that the table gives for Azure, by canonical model; the first of two names stands."""
    found = [
        _Entry(PROVIDER, match[2], match[1] or "", prices)
        for name, prices in _by_length(table)
        if (match := _KEY.fullmatch(name.lower())) and prices.get("mode") in _PER_TOKEN_MODES
    ]
    yield from _rows(found, aliases, version, retrieved_at)


def opinion_rows(
    table: dict[str, Any], aliases: pl.DataFrame, version: str, retrieved_at: str
) -> Iterator[Row]:
    """What the table says of prices that the first book says too, in the same form: to be compared, never to price by.

    Of Bedrock's ids only those that say whether they are global: what a bare one costs the two books read differently.
    """
    found = [
        entry
        for name, prices in _by_length(table)
        if prices.get("mode") in _PER_TOKEN_MODES and (entry := _opinion(name.lower(), prices))
    ]
    yield from price_rows(table, aliases, version, retrieved_at)
    yield from _rows(found, aliases, version, retrieved_at)


def _by_length(table: dict[str, Any]) -> list[tuple[str, Any]]:
    """The entries, those with the shorter name first."""
    return sorted(table.items(), key=lambda item: (len(item[0]), item[0]))


def _opinion(name: str, prices: dict[str, Any]) -> "_Entry | None":
    seller = str(prices.get("litellm_provider"))
    if seller not in SELLERS:
        return None
    provider, name = SELLERS[seller] or seller, name.removeprefix(f"{seller}/")
    geography = name.partition(".")[0]
    if provider == "aws_bedrock" and geography not in _GEOGRAPHIES:
        return None
    region = REGIONAL if provider == "aws_bedrock" and geography != "global" else ""
    return _Entry(provider, name, region, prices)


def _rows(found: list["_Entry"], aliases: pl.DataFrame, version: str, retrieved_at: str) -> Iterator[Row]:
    """Rows by canonical model; of two names of a model the first one stands."""
    names = pl.DataFrame(
        [(entry.provider, entry.name) for entry in found],
        schema={"provider": pl.String, "raw_model": pl.String},
        orient="row",
    )
    seen: set[tuple[str, ...]] = set()
    for entry, model in zip(found, with_canonical_model(names, aliases)["canonical_model"], strict=True):
        for tier, sheet in _sheets(entry.prices).items():
            key = (entry.provider, model, tier, entry.region)
            if key in seen:
                continue
            seen.add(key)
            stamp = hashlib.sha256(repr((*key, SOURCE, sorted(sheet.items()))).encode()).hexdigest()[:12]
            for (above, token_type), price in sorted(sheet.items()):
                values = (
                    *(*key, "", token_type, str(above), "", "", _plain(price)),
                    *(stamp, SOURCE, version, retrieved_at),
                )
                yield dict(zip(PRICE_COLUMNS, values, strict=True))


def premium_rows(
    table: dict[str, Any], aliases: pl.DataFrame, version: str, retrieved_at: str
) -> Iterator[Row]:
    """Rows of the premiums that the table gives, by models we know; a model with two factors for a region has none."""
    found = [
        (provider, name, region, factor.normalize())
        for key, prices in table.items()
        for provider, name, region, factor in _premiums(key.lower(), prices, table)
    ]
    names = pl.DataFrame(
        [one[:2] for one in found], schema={"provider": pl.String, "raw_model": pl.String}, orient="row"
    )
    models = with_canonical_model(names, aliases)["canonical_model"]
    known = set(aliases.select("provider", "model").iter_rows())
    factors: dict[tuple[str, str, str], set[Decimal]] = {}
    for (provider, _, region, factor), model in zip(found, models, strict=True):
        if (provider, model) in known:
            factors.setdefault((provider, model, region), set()).add(factor)
    for key, said in sorted(factors.items()):
        if len(said) == 1:
            values = (*key, f"{said.pop():f}", SOURCE, version, retrieved_at)
            yield dict(zip(PREMIUM_COLUMNS, values, strict=True))


def _premiums(
    key: str, prices: dict[str, Any], table: dict[str, Any]
) -> Iterator[tuple[str, str, str, Decimal]]:
    """Provider, name, region and factor of an entry.

    US inference of Claude, OpenAI's data residency, Vertex AI's locations, and GovCloud, which is listed by price and
    is a factor where all its prices are by the same one.
    """
    seller = str(prices.get("litellm_provider"))
    if seller == "anthropic" and "us" in (entry := prices.get("provider_specific_entry") or {}):
        yield "anthropic", key, "us", Decimal(entry["us"])
    if seller == "openai":
        for region in REGIONS:
            if factor := prices.get(f"regional_processing_uplift_multiplier_{region}"):
                yield "openai", key, region, Decimal(factor)
    if seller.startswith("vertex_ai") and (factor := prices.get("regional_endpoint_uplift_multiplier")):
        yield "google", key.removeprefix("vertex_ai/"), REGIONAL, Decimal(factor)
    if key.startswith(f"{GOVERNMENT}."):
        name = key.removeprefix(f"{GOVERNMENT}.")
        everywhere = table.get(f"global.{name}") or {}
        both = {one for one in TOKEN_TYPES if prices.get(one) and everywhere.get(one)}
        factors = {Decimal(prices[one]) / Decimal(everywhere[one]) for one in both}
        if len(factors) == 1 and {"input_cost_per_token", "output_cost_per_token"} <= both:
            yield "aws_bedrock", name, GOVERNMENT, factors.pop()


def disagreements(prices: pl.DataFrame, rows: list[Row]) -> tuple[int, pl.DataFrame]:
    """How often the two books agree on a price of today, and where they do not.

    Args:
        prices: the price book as `PriceBook.prices`, in force at one moment.
        rows: what the table gives, see `price_rows`.

    Returns:
        The count of equal prices, and a frame with the key of a price, `unit_price_usd` and `litellm_unit_price_usd`.
    """
    key = ["provider", "model", "tier", "region", "hours", "above_input_tokens", "token_type"]
    own = pl.DataFrame(rows).select(
        *(name for name in key if name != "above_input_tokens"),
        above_input_tokens=pl.col("above_input_tokens").cast(pl.Int64).replace(0, BASE),
        litellm_unit_price_usd=pl.col("unit_price_usd").cast(UNIT_PRICE),
    )
    both = prices.filter(pl.col("source") != SOURCE).join(own, on=key)
    differing = both.filter(pl.col("unit_price_usd") != pl.col("litellm_unit_price_usd"))
    return both.height - differing.height, differing.select(
        *key, "unit_price_usd", "litellm_unit_price_usd"
    ).sort(key)


def _sheets(prices: dict[str, Any]) -> dict[str, dict[tuple[int, str], Decimal]]:
    """By tier the prices by threshold and token type; every threshold is a full list, as in the book."""
    said: dict[str, dict[int, dict[str, Decimal]]] = {}
    for key, price in prices.items():
        for name, token_type in TOKEN_TYPES.items():
            ending = _ENDING.fullmatch(key.removeprefix(name)) if key.startswith(name) else None
            if ending and isinstance(price, Decimal | int):
                tier = said.setdefault(TIERS[ending[2] or ""], {})
                tier.setdefault(int(ending[1] or 0) * 1000, {})[token_type] = Decimal(price)
    return {
        tier: {
            (above, name): price for above in lists for name, price in ({**lists[0], **lists[above]}).items()
        }
        for tier, lists in said.items()
        if {"input"} <= set(lists.get(0, {}))
    }


def _sheet(row: Row) -> tuple[str, ...]:
    return row["provider"], row["model"], row["tier"], row["region"]


def _price(row: Row) -> tuple[str, ...]:
    return (*_sheet(row), row["token_type"], row["above_input_tokens"])


def _plain(price: Decimal) -> str:
    text = f"{price.quantize(Decimal('1e-18')):f}"
    return text.rstrip("0").rstrip(".")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
