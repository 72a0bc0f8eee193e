"""Two price books into one: what the newer says, from the days on which it holds, and where two books differ.

What belongs here: which of two books holds when. What does not: where books come from (`sources.py`), and where the
installation keeps its own (`versions.py`).

Nothing that was listed is ever taken away: a model or day that the newer book no longer lists keeps its price. A price
of the newer book holds from its own start where that is later than the start of the sheet in force; a price that was
changed without saying since when holds from a day given. What only adds token types to a sheet, or sheets where there
were none, holds for all the days it lists. Prices of some hours of the day belong to the model that has a price of
the whole day: the newer book ends those it no longer lists, and starts new ones, from the day given.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby, pairwise
from typing import Any

import polars as pl

from meterhouse.pricing.book import PRICE_KEY
from meterhouse.pricing.import_litellm_prices import SOURCE as SECOND_SOURCE
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME

_WHOLE_DAY = ["provider", "model", "tier", "region"]
KEY = [*_WHOLE_DAY, "hours"]
_PRICE = [*PRICE_KEY, "valid_to", "unit_price_usd"]

Row = dict[str, Any]


def merged(held: pl.DataFrame, offered: pl.DataFrame, holds_from: datetime) -> pl.DataFrame:
    """The held prices with what a newer book says.

    Args:
        held: listed prices (`PRICE_SCHEMA`).
        offered: those of the newer book; LiteLLM's never replace those of another source.
        holds_from: since when a change holds whose day its source does not tell.

    Returns:
        Listed prices, sorted; equal to `held` but for the order where nothing is new.
    """
    firsts = held.filter(pl.col("source") != SECOND_SOURCE).select(KEY).unique()
    fills = offered.filter(pl.col("source") == SECOND_SOURCE).join(firsts, on=KEY, how="anti")
    offered = pl.concat([offered.filter(pl.col("source").ne_missing(SECOND_SOURCE)), fills])
    keys = _differing(held, offered).join(offered, on=_WHOLE_DAY, how="semi")
    olds, news = _by_key(held.join(keys, on=KEY, how="semi")), _by_key(offered.join(keys, on=KEY, how="semi"))
    known = set(held.select(_WHOLE_DAY).iter_rows())
    rows = [
        row
        for key in {*olds, *news}
        for row in _timeline(
            olds.get(key, []), news.get(key, []), holds_from, bool(key[-1]) and key[:-1] in known
        )
    ]
    kept = held.join(keys, on=KEY, how="anti")
    return pl.concat([kept, pl.DataFrame(rows, schema=held.schema)]).sort(PRICE_KEY)


def differences(before: pl.DataFrame, after: pl.DataFrame) -> list[Row]:
    """Where two books differ, a row per price and span of days, both ends None where open.

    Returns:
        `provider`, `model`, `tier`, `region`, `hours`, `token_type`, `above_input_tokens`, `valid_from`, `valid_to`,
        `before_usd` and `after_usd` per single unit, None where there is no price.
    """
    keys = _differing(before, after)
    olds, news = _by_key(before.join(keys, on=KEY, how="semi")), _by_key(after.join(keys, on=KEY, how="semi"))
    return [
        dict(zip(KEY, key, strict=True)) | row
        for key in sorted({*olds, *news})
        for row in _spans(olds.get(key, []), news.get(key, []))
    ]


def _differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    gone, come = before.join(after, on=_PRICE, how="anti"), after.join(before, on=_PRICE, how="anti")
    return pl.concat([gone.select(KEY), come.select(KEY)]).unique()


def _by_key(prices: pl.DataFrame) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in prices.sort(PRICE_KEY).iter_rows(named=True):
        found.setdefault(tuple(row[name] for name in KEY), []).append(row)
    return found


def _timeline(
    held: list[Row], offered: list[Row], holds_from: datetime, is_part_of_a_day: bool
) -> Iterator[Row]:
    """The sheets of one key; neighbours with equal prices are one sheet."""
    choose = _chosen_hours if is_part_of_a_day else _chosen
    chosen = (
        (start, end, choose(_sheet_at(held, start), _sheet_at(offered, start), start >= holds_from))
        for start, end in _segments(held, offered, holds_from)
    )
    for _, group in groupby(chosen, key=lambda one: _prices(one[2])):
        same = list(group)
        days = {"valid_from": same[0][0], "valid_to": same[-1][1]}
        yield from (row | days for row in same[0][2])


def _chosen(old: list[Row], new: list[Row], is_due: bool) -> list[Row]:
    if not old or not new:
        return old or new
    before, after = _prices(old), _prices(new)
    if before == after:
        return old
    has_a_later_start = new[0]["valid_from"] > old[0]["valid_from"]
    only_adds = before.items() <= after.items()
    return new if is_due or has_a_later_start or only_adds else old


def _chosen_hours(old: list[Row], new: list[Row], is_due: bool) -> list[Row]:
    """Where neither holds, the price of the whole day does, so that none of them is better than nothing."""
    if _prices(old) == _prices(new):
        return old
    since = old[0]["valid_from"] if old else BEGINNING_OF_TIME
    return new if is_due or (new and new[0]["valid_from"] > since) else old


def _spans(before: list[Row], after: list[Row]) -> Iterator[Row]:
    segments = [
        (start, end, _prices(_sheet_at(before, start)), _prices(_sheet_at(after, start)))
        for start, end in _segments(before, after)
    ]
    places = sorted({place for _, _, old, new in segments for place in (*old, *new)})
    for above, token_type in places:
        prices = (
            (start, end, old.get((above, token_type)), new.get((above, token_type)))
            for start, end, old, new in segments
        )
        for (old_price, new_price), group in groupby(prices, key=lambda one: one[2:]):
            same = list(group)
            if old_price != new_price:
                yield {
                    "token_type": token_type,
                    "above_input_tokens": max(above, 0),
                    "valid_from": None if same[0][0] == BEGINNING_OF_TIME else same[0][0],
                    "valid_to": None if same[-1][1] == END_OF_TIME else same[-1][1],
                    "before_usd": old_price,
                    "after_usd": new_price,
                }


def _segments(one: list[Row], other: list[Row], *cuts: datetime) -> Iterator[tuple[datetime, datetime]]:
    edges = {BEGINNING_OF_TIME, END_OF_TIME, *cuts}
    edges |= {row[name] for row in (*one, *other) for name in ("valid_from", "valid_to")}
    return pairwise(sorted(edges))


def _sheet_at(rows: list[Row], moment: datetime) -> list[Row]:
    return [row for row in rows if row["valid_from"] <= moment < row["valid_to"]]


def _prices(sheet: list[Row]) -> dict[tuple[int, str], Decimal]:
    return {(row["above_input_tokens"], row["token_type"]): row["unit_price_usd"] for row in sheet}
