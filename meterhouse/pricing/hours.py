"""Prices by the time of day, as DeepSeek's: which hold when a call started.

What belongs here: the form of `hours` in the price book, and choosing by them. What does not: any other choice between
sheets (`price.py`).

`hours` is `HH:MM-HH:MM` in UTC, the first minute included and the last not; beyond midnight where the end is earlier.
Empty is the whole day. A sheet of some hours stands above that of the whole day while it is in force.
"""

from datetime import time
from itertools import combinations

import polars as pl

_KEY = ["provider", "model", "tier", "region"]
_SHEET = [*_KEY, "hours", "valid_from", "valid_to"]
_FORM = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"


def hours_of(start: time, end: time) -> str:
    """Two times of the day (UTC) as `hours`."""
    return f"{start:%H:%M}-{end:%H:%M}"


def refuse_unclear_hours(prices: pl.DataFrame) -> None:
    """Raise where the hours of a model's prices cannot be read, or where two of them share a minute of a day.

    Args:
        prices: at least the columns of a sheet, without its version.

    Raises:
        ValueError: Says which.
    """
    said = prices.filter(pl.col("hours") != "").select(*_SHEET).unique().sort(*_SHEET)
    for row in said.filter(~pl.col("hours").str.contains(_FORM)).iter_rows(named=True):
        raise ValueError(
            f"The price book has the hours {row['hours']!r} for {row['provider']} {row['model']}; write HH:MM-HH:MM, "
            "in UTC."
        )
    for _, sheets in said.group_by(_KEY, maintain_order=True):
        for one, other in combinations(sheets.iter_rows(named=True), 2):
            is_at_once = one["valid_from"] < other["valid_to"] and other["valid_from"] < one["valid_to"]
            if is_at_once and _minutes(one["hours"]) & _minutes(other["hours"]):
                raise ValueError(
                    f"The price book prices {one['provider']} {one['model']} twice, in the hours {one['hours']} and "
                    f"{other['hours']}; part them."
                )


def _minutes(hours: str) -> set[int]:
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in hours.split("-"))
    return set(range(start, end)) if start <= end else {*range(start, 24 * 60), *range(end)}


def at_their_hours(found: pl.DataFrame) -> pl.DataFrame:
    """Of the sheets found for each call, the one of its hour, else the one of the whole day.

    Args:
        found: `position` of the call, `started_at`, and `hours` of the sheet.

    Returns:
        Rows of `found`, one per position where it has one sheet of the whole day and of each span of hours.
    """
    if found["hours"].eq("").all():
        return found
    called = pl.col("started_at").dt.time()
    start, end = (
        pl.col("hours").str.split("-").list.get(at).str.to_time("%H:%M", strict=False) for at in (0, -1)
    )
    is_in_one_day, is_over_midnight = (called >= start) & (called < end), (called >= start) | (called < end)
    of_hours = found.filter(
        pl.col("hours") != "", pl.when(start <= end).then(is_in_one_day).otherwise(is_over_midnight)
    )
    of_day = found.filter(pl.col("hours") == "").join(of_hours, on="position", how="anti")
    return pl.concat([of_hours, of_day])
