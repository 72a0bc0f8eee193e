"""What overrides do to the price book: new sheets above the listed ones, on the days they are in force.

What belongs here: which price an override replaces. What does not: the file (`overrides_file.py`).

A discount is off the list price; a negotiated unit price is final, no discount is off it. Of two discounts the one that
names the model counts, not both. A unit price holds at every context threshold unless it names one, which it holds at
and beyond. A region without a sheet of its own starts as the sheet of everywhere. A unit
price holds at every hour of the day. Each changed sheet has a version of
its own; sheets and days that nothing changes keep theirs.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import polars as pl

from meterhouse.pricing.models import model_name, with_canonical_model
from meterhouse.pricing.overrides_file import (
    BEGINNING_OF_TIME,
    END_OF_TIME,
    Discount,
    Overrides,
    OverridesError,
    PriceOverride,
)

SOURCE = "override"
BASE = -1
"""Threshold of the base price list."""
_KEY = ["provider", "model", "tier", "region", "hours"]
_PLACES = Decimal("1e-18")
_HUNDRED = Decimal(100)

Row = dict[str, Any]


@dataclass(frozen=True)
class _Changes:
    """Overrides of one provider, model, tier, region and hours."""

    prices: tuple[PriceOverride, ...]
    discounts: tuple[Discount, ...]

    def at(self, moment: datetime) -> "_Changes":
        return replace(
            self,
            prices=tuple(one for one in self.prices if one.starts_at <= moment < one.ends_at),
            discounts=tuple(one for one in self.discounts if one.starts_at <= moment < one.ends_at),
        )

    @property
    def edges(self) -> set[datetime]:
        dated = (*self.prices, *self.discounts)
        return {one.starts_at for one in dated} | {one.ends_at for one in dated}


def with_overrides(
    prices: pl.DataFrame, aliases: pl.DataFrame, overrides: Overrides
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Price rows and aliases with the overrides applied; frames of the same shape.

    Args:
        prices: typed rows of the price book, see `book.py`.
        aliases: `provider`, `alias`, `model`.
        overrides: what the file says.

    Raises:
        OverridesError: A discount or an alias names a model that no price is known for.
    """
    aliases = _with_aliases(aliases, overrides)
    overrides = _canonical(overrides, aliases)
    _refuse_unknown_models(prices, overrides)
    known = {tuple(row) for row in prices.select(_KEY).unique().iter_rows()}
    changed = {key: _changes(key, overrides) for key in known | set(_new_keys(overrides, known))}
    changed = {key: changes for key, changes in changed.items() if changes.edges}
    if not changed:
        return prices, aliases
    keys = pl.DataFrame(list(changed), schema=dict.fromkeys(_KEY, pl.String), orient="row")
    listed: dict[tuple[str, ...], list[Row]] = {}
    bases = pl.concat([keys, keys.with_columns(region=pl.lit(""))]).unique()
    for row in prices.join(bases, on=_KEY, how="semi").iter_rows(named=True):
        listed.setdefault(tuple(row[name] for name in _KEY), []).append(row)
    rows = [
        row
        for key, changes in sorted(changed.items())
        for row in _resheeted(key, listed.get(key) or listed.get((*key[:3], "", key[4]), []), changes)
    ]
    kept = prices.join(keys, on=_KEY, how="anti")
    return pl.concat([kept, pl.DataFrame(rows, schema=prices.schema)]), aliases


def _with_aliases(aliases: pl.DataFrame, overrides: Overrides) -> pl.DataFrame:
    """The aliases with the file's own first; every model that the file prices or names by alias names itself."""
    said = [(one.provider, one.alias, one.model) for one in overrides.aliases]
    said += [(one.provider, one.model, one.model) for one in overrides.prices]
    named = pl.DataFrame(said, schema=["provider", "raw_model", "stands_for"], orient="row").cast(pl.String)
    named = named.select("provider", "stands_for", alias=model_name())
    models = with_canonical_model(named.rename({"stands_for": "raw_model"}), aliases)["canonical_model"]
    own = named.select("provider", "alias", model=models)
    itself = own.select("provider", alias="model", model="model")
    known = pl.concat([own.head(len(overrides.aliases)), aliases, itself])
    return known.unique(["provider", "alias"], keep="first", maintain_order=True)


def _canonical(overrides: Overrides, aliases: pl.DataFrame) -> Overrides:
    """The overrides with every model by its canonical name."""
    names = [(one.provider, one.model) for one in overrides.prices]
    names += [(one.provider, model) for one in overrides.discounts for model in one.models]
    frame = pl.DataFrame(names, schema={"provider": pl.String, "raw_model": pl.String}, orient="row")
    found = iter(with_canonical_model(frame, aliases)["canonical_model"].to_list())
    prices = tuple(
        one.model_copy(update={"model": next(found), "region": (one.region or "").lower()})
        for one in overrides.prices
    )
    discounts = tuple(
        one.model_copy(update={"models": tuple(next(found) for _ in one.models)})
        for one in overrides.discounts
    )
    return overrides.model_copy(update={"prices": prices, "discounts": discounts})


def _refuse_unknown_models(prices: pl.DataFrame, overrides: Overrides) -> None:
    known = set(prices.select("provider", "model").unique().iter_rows())
    known |= {(one.provider, one.model) for one in overrides.prices}
    providers = {provider for provider, _ in known}
    faults = []
    for line, one in zip(overrides.lines.get("discounts", ()), overrides.discounts, strict=True):
        unknown = [model for model in one.models if (one.provider, model) not in known]
        if one.provider not in providers:
            faults.append(f"{overrides.name}:{line}: a discount: no price is known for {one.provider!r}.")
        elif unknown:
            faults.append(
                f"{overrides.name}:{line}: a discount: no price is known for {one.provider} {unknown[0]!r}."
            )
    if faults:
        raise OverridesError(faults)


def _new_keys(overrides: Overrides, known: set[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Keys that are priced, at every hour that has a price of everywhere of its own."""
    for one in overrides.prices:
        key = (one.provider, one.model, one.tier)
        hours = {hours for *everywhere, hours in known if everywhere == [*key, ""]}
        yield from ((*key, one.region or "", each) for each in {"", *hours})


def _changes(key: tuple[str, ...], overrides: Overrides) -> _Changes:
    provider, model, tier, region, _ = key
    return _Changes(
        tuple(
            one
            for one in overrides.prices
            if (one.provider, one.model, one.tier, one.region or "") == key[:4]
            or (not one.region and region and (one.provider, one.model, one.tier) == (provider, model, tier))
        ),
        tuple(
            one
            for one in overrides.discounts
            if one.provider == provider and tier in one.tiers and (not one.models or model in one.models)
        ),
    )


def _resheeted(key: tuple[str, ...], listed: list[Row], changes: _Changes) -> Iterator[Row]:
    """The sheets of one key, cut where an override starts or ends."""
    edges = {BEGINNING_OF_TIME, END_OF_TIME, *changes.edges}
    edges |= {row["valid_from"] for row in listed} | {row["valid_to"] for row in listed}
    for start, end in pairwise(sorted(edges)):
        sheet = [row for row in listed if row["valid_from"] <= start < row["valid_to"]]
        now = changes.at(start)
        dated = dict(zip(_KEY, key, strict=True)) | {"valid_from": start, "valid_to": end}
        if now.edges:
            yield from _changed(sheet, now, dated)
        else:
            yield from (row | dated for row in sheet)


def _changed(sheet: list[Row], now: _Changes, dated: Row) -> Iterator[Row]:
    prices = {(row["above_input_tokens"], row["token_type"]): row["unit_price_usd"] for row in sheet}
    discount = next(iter(sorted(now.discounts, key=lambda one: not one.models)), None)
    if discount is not None:
        share = (_HUNDRED - discount.percent) / _HUNDRED
        prices = {place: _rounded(price * share) for place, price in prices.items()}
    prices |= _negotiated({above for above, _ in prices} | {BASE}, prices, now.prices)
    content = repr((SOURCE, *(str(value) for value in dated.values()), sorted(prices.items())))
    stamp = {
        "price_version": hashlib.sha256(content.encode()).hexdigest()[:12],
        "source": SOURCE,
        "source_version": None,
        "retrieved_at": None,
    }
    for (above, token_type), price in sorted(prices.items()):
        yield (
            dated
            | stamp
            | {
                "above_input_tokens": above,
                "token_type": token_type,
                "unit_price_usd": price,
            }
        )


def _negotiated(
    listed: set[int], prices: dict[tuple[int, str], Decimal], overrides: Iterable[PriceOverride]
) -> dict[tuple[int, str], Decimal]:
    """Negotiated prices by threshold and token type; a new threshold starts as the list below it."""
    said = {one.above_input_tokens or BASE for one in overrides}
    found: dict[tuple[int, str], Decimal] = {}
    for above in sorted(said - listed):
        below = max(one for one in listed | {BASE} if one < above)
        found |= {(above, name): price for (at, name), price in prices.items() if at == below}
    for one in sorted(overrides, key=lambda one: (bool(one.region), one.above_input_tokens or BASE)):
        for above in listed | said:
            if above >= (one.above_input_tokens or BASE):
                found |= {(above, name): _rounded(price) for name, price in one.unit_prices.items()}
    return found


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(_PLACES, ROUND_HALF_UP)
