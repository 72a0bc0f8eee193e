"""The price book that `genai-prices` (MIT) gives, as rows of the seeds.

Run: `python -m meterhouse.pricing.import_genai_prices` writes the seeds from the package. What belongs here:
flattening. What does not: what the source calls things (`genai_prices_source.py`), reading the seeds (`book.py`), and
which of two books holds (`merge.py`). Only what the source says is written: a tier, a cache duration or a modality
without a price there has no row, and its events stay unpriced.

A tier's sheet starts where the source first gives that tier a price of its own; what the tier does not
override it takes from the standard sheet of the day, as the source does (contract focus-prices-otel §2).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ClauseStartsWith,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from meterhouse.pricing.book import SEEDS_FOLDER
from meterhouse.pricing.genai_prices_source import (
    AS_TEXT,
    ENDINGS,
    INSTALLED,
    LISTED_ELSEWHERE,
    MILLION,
    NO_BUCKET,
    NOT_ALL_OUTPUT,
    OUTDATED,
    PER_REQUEST,
    PROVIDERS,
    SOURCE,
    SOURCE_NAMES,
    TIER_CONTEXTS,
    UNITS,
    Release,
)
from meterhouse.pricing.hours import hours_of
from meterhouse.pricing.models import REGIONAL, model_name
from meterhouse.pricing.seeds import ALIAS_COLUMNS, PRICE_COLUMNS, Row, write_rows


def main(folder: Path = SEEDS_FOLDER) -> None:
    """Write `price_book.csv` and `model_aliases.csv` into the folder; `import_litellm_prices.py` adds to them."""
    prices, aliases = price_rows(), alias_rows()
    write_rows(folder / "price_book.csv", PRICE_COLUMNS, prices)
    write_rows(folder / "model_aliases.csv", ALIAS_COLUMNS, aliases)


def price_rows(release: Release = INSTALLED) -> list[Row]:
    """Rows of the price book that a release gives."""
    listed = [(provider, *one) for provider in PROVIDERS for one in listed_models(provider, release)]
    return [
        row
        for provider, name, region, model in listed
        for row in _model_rows(provider, name, region, model, release)
    ]


def alias_rows(release: Release = INSTALLED) -> list[Row]:
    """Rows of the aliases that a release gives."""
    listed = [(provider, *one) for provider in PROVIDERS for one in listed_models(provider, release)]
    return [
        row
        for provider, name, region, model in listed
        if not region
        for row in _alias_rows(provider, name, model, release)
    ]


def listed_models(provider: str, release: Release = INSTALLED) -> Iterator[tuple[str, str, ModelInfo]]:
    """Canonical name, price region and source of each model that one of our providers charges.

    Bedrock's ids lose region, vendor and version, as its bill names none of them. Where the source lists a model as
    global and as regional, the global price is that of everywhere. OpenRouter's models are named `vendor/model`; the
    source's older names without a vendor are on no bill. A model with a price that no event can say the quantity of is
    left out, and so is an outdated one.
    """
    source = release.source(provider)
    if source is None:
        return
    outdated = OUTDATED.get(provider, ())
    own = [model for model in source.models if _is_tellable(model) and model.id not in outdated]
    if provider == "aws_bedrock":
        yield from _bedrock_models(own)
    elif provider == "openrouter":
        yield from ((model.id, "", model) for model in own if "/" in model.id)
    else:
        yield from ((model.id.lower(), "", model) for model in own)
    for elsewhere in LISTED_ELSEWHERE.get(provider, ()):
        lender = release.source(elsewhere)
        for model in lender.models if lender is not None else ():
            if source.find_model(model.id) is None:
                yield model.id, "", replace(model, price_variants=None)


def _bedrock_models(own: list[ModelInfo]) -> Iterator[tuple[str, str, ModelInfo]]:
    is_kept = {model.id: model.id.startswith("regional.") for model in own}
    kept = {bare_name(model.id.replace("regional.", "us.")): model for model in own if is_kept[model.id]}
    everywhere = {bare_name(model.id): model for model in own if not is_kept[model.id]}
    for name, model in (kept | everywhere).items():
        yield name, "", model
        if name in kept and name in everywhere:
            yield name, REGIONAL, kept[name]


def _is_tellable(model: ModelInfo) -> bool:
    sheets = [model.prices] if isinstance(model.prices, ModelPrice) else [one.prices for one in model.prices]
    return not any(getattr(sheet, key) for sheet in sheets for key in PER_REQUEST)


def bare_name(model_id: str) -> str:
    """A Bedrock id as its canonical name."""
    names = pl.DataFrame({"provider": ["aws_bedrock"], "raw_model": [model_id]})
    return str(names.select(model_name()).item())


def _model_rows(provider: str, name: str, region: str, model: ModelInfo, release: Release) -> Iterator[Row]:
    for hours, at_hours in _by_hours(model):
        yield from _rows_at_hours(provider, name, region, hours, at_hours, release)


def _by_hours(model: ModelInfo) -> Iterator[tuple[str, ModelInfo]]:
    """The model with its prices of the whole day, and with those of each span of hours.

    The source says of a price either since when or at which hours; one of hours is above the last price before it in
    its list, and is taken to be as old.
    """
    if isinstance(model.prices, ModelPrice):
        yield "", model
        return
    of_day: list[ConditionalPrice] = []
    for one in model.prices:
        if isinstance(one.constraint, TimeOfDateConstraint):
            hours = hours_of(one.constraint.start_time, one.constraint.end_time)
            yield hours, replace(model, prices=[replace(one, constraint=of_day[-1].constraint)])
        else:
            of_day.append(one)
    yield "", replace(model, prices=of_day)


def _rows_at_hours(
    provider: str, name: str, region: str, hours: str, model: ModelInfo, release: Release
) -> Iterator[Row]:
    for tier, context in TIER_CONTEXTS.items():
        starts = _sheet_starts(model, context)
        for start, end in pairwise([*starts, None]):
            prices = model.get_prices(datetime.combine(start or date.min, time(), UTC), context)
            sheet = list(
                _sheet_rows(prices, AS_TEXT if provider == "google" and name.startswith("gemini-") else ())
            )
            stamp = (
                _price_version((provider, name, tier, *filter(None, [region, hours])), start, sheet),
                SOURCE,
                release.version,
                release.retrieved_at,
            )
            for token_type, above, unit_price in sheet:
                values = (
                    provider,
                    name,
                    tier,
                    region,
                    hours,
                    token_type,
                    above,
                    _day(start),
                    _day(end),
                    unit_price,
                    *stamp,
                )
                yield dict(zip(PRICE_COLUMNS, values, strict=True))


def _sheet_starts(model: ModelInfo, context: dict[str, str]) -> list[date | None]:
    """Days on which a sheet of the tier starts, None for the beginning of time."""
    conditions = [] if isinstance(model.prices, ModelPrice) else [price.constraint for price in model.prices]
    standard = {_start(constraint) for constraint in conditions} or {None}
    if not context:
        return sorted(standard, key=lambda day: day or date.min)
    own = {_start(v.constraint) for v in model.price_variants or () if v.when == context}
    if not own:
        return []
    first = min(own, key=lambda day: day or date.min)
    later = {day for day in standard | own if (day or date.min) > (first or date.min)}
    return sorted({first, *later}, key=lambda day: day or date.min)


def _start(constraint: Any) -> date | None:
    if constraint is None:
        return None
    if isinstance(constraint, StartDateConstraint):
        return constraint.start_date
    raise ValueError(f"{constraint!r} is no start date; such a price needs a rule of its own")


def _sheet_rows(prices: ModelPrice, as_text: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Token type, threshold and unit price of a sheet; every threshold is a full list."""
    said = {key: price for key, price in vars(prices).items() if price is not None}
    left_out = {*NO_BUCKET, "output_mtok"} if NOT_ALL_OUTPUT in said else {*NO_BUCKET}
    given = {key: price for key, price in said.items() if key not in left_out}
    tiered = [price for price in given.values() if isinstance(price, TieredPrices)]
    for above in sorted({0, *(tier.start for price in tiered for tier in price.tiers)}):
        for key, price in given.items():
            token_type, units = UNITS[key]
            yield token_type, str(above), _plain(_price_above(price, above) / units)
        for token_type in as_text:
            if "input_mtok" in given and SOURCE_NAMES[token_type] not in given:
                yield token_type, str(above), _plain(_price_above(given["input_mtok"], above) / MILLION)


def _price_above(price: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= above), price.base)


def _plain(unit_price: Decimal) -> str:
    rounded = unit_price.quantize(Decimal("1e-18"), ROUND_HALF_UP)
    return f"{rounded:f}".rstrip("0").rstrip(".")


def _price_version(key: tuple[str, ...], start: date | None, sheet: list[tuple[str, str, str]]) -> str:
    """A hash: equal prices keep their version."""
    return hashlib.sha256(repr((*key, _day(start), sorted(sheet))).encode()).hexdigest()[:12]


def _day(day: date | None) -> str:
    return "" if day is None else f"{day:%Y-%m-%d}T00:00:00Z"


def _alias_rows(provider: str, name: str, model: ModelInfo, release: Release) -> Iterator[Row]:
    """Names that can be listed and that the source itself resolves to the model; every model names itself."""
    source = release.source(provider)
    listed = () if provider == "aws_bedrock" else _listed_names(model.match, ENDINGS.get(provider, ("",)))
    for alias in sorted({name, *(alias.lower() for alias in listed)}):
        found = source.find_model(alias, all_providers=release.providers) if source is not None else None
        if alias == name or (found is not None and found.id == model.id):
            yield {"provider": provider, "alias": alias, "model": name}


def _listed_names(clause: Any, endings: tuple[str, ...]) -> Iterator[str]:
    if isinstance(clause, ClauseOr):
        for part in clause.or_:
            yield from _listed_names(part, endings)
    elif isinstance(clause, ClauseEquals):
        yield clause.equals
    elif isinstance(clause, ClauseStartsWith) and clause.starts_with[-1].isalnum():
        yield from (clause.starts_with + ending for ending in endings)


if __name__ == "__main__":
    main()
