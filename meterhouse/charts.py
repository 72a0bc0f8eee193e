"""Charts as SVG text, drawn on this machine: for the console and for reports in HTML.

Amounts become floating-point numbers here, for heights on the page alone: no amount is read off a chart.
Colours are CSS variables with a fallback, so that a page with tokens of its own restyles them, dark or light. What
belongs here: how a chart looks. What does not: where its numbers come from.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from html import escape
from typing import Any

import altair as alt
import vl_convert

Point = tuple[date, str, Decimal]
"""A day, a series and its USD."""

SERIES_COLOURS = ("#2f6fde", "#0f9d8a", "#d97706", "#8b5cf6", "#db4c77", "#5b8c2a", "#0e9bc4", "#8a8f98")
OTHERS = "others"
_SOFT, _LINE = "var(--ink-soft, #5d6876)", "var(--line, #e2e6ec)"
_FONT = "system-ui, sans-serif"
_WIDTH, _HEIGHT = 860, 220
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 28


def daily_costs(points: Sequence[Point], first_day: date, last_day: date, title: str) -> str:
    """Stacked bars, one a day, of up to seven series and the others together.

    Args:
        points: At most one for each day and series.
        first_day: Where the axis begins.
        last_day: Where it ends, inclusive.
        title: What is shown, for readers who do not see it.
    """
    return _daily_costs(tuple(points), first_day, last_day, title)


def spark_line(values: Sequence[Decimal], title: str) -> str:
    """A small line of a few values; zero is inside it."""
    top, bottom = max([*values, Decimal(0)]), min([*values, Decimal(0)])
    across, down = Decimal(_SPARK_WIDTH - 4) / max(len(values) - 1, 1), _SPARK_HEIGHT - 6
    points = " ".join(
        f"{2 + index * across:.1f},{3 + (top - value) / ((top - bottom) or 1) * down:.1f}"
        for index, value in enumerate(values)
    )
    return (
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" width="{_SPARK_WIDTH}" '
        f'height="{_SPARK_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'<polyline points="{points}" fill="none" stroke="{_colour(0)}" stroke-width="1.75" '
        'stroke-linejoin="round" stroke-linecap="round"/></svg>'
    )


def series_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each series, in the order of the names, for legends beside a chart."""
    return {name: _colour(index) for index, name in enumerate(names)}


def biggest(points: Sequence[Point]) -> list[str]:
    """The series of the points, most expensive first, cut to the colours there are; `OTHERS` stands for the rest."""
    totals: dict[str, Decimal] = {}
    for _, name, usd in points:
        totals[name] = totals.get(name, Decimal(0)) + usd
    names = sorted(totals, key=lambda name: (-totals[name], name))
    return names if len(names) <= len(SERIES_COLOURS) else [*names[: len(SERIES_COLOURS) - 1], OTHERS]


@lru_cache(maxsize=128)
def _daily_costs(points: tuple[Point, ...], first_day: date, last_day: date, title: str) -> str:
    names = biggest(points)
    days = [(first_day + timedelta(days=day)).isoformat() for day in range((last_day - first_day).days + 1)]
    places = {name: place for place, name in enumerate(names)}
    values: list[dict[str, Any]] = [
        {"day": day.isoformat(), "place": places.get(name, len(names) - 1), "usd": float(usd)}
        for day, name, usd in points
    ]
    chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(cornerRadius=1)
        .encode(
            x=alt.X(
                "day:O",
                scale=alt.Scale(domain=days),
                axis=alt.Axis(
                    title=None,
                    labelOverlap="greedy",
                    labelSeparation=24,
                    labelAngle=0,
                    labelPadding=8,
                    ticks=False,
                ),
            ),
            y=alt.Y("sum(usd):Q", axis=alt.Axis(title="USD", tickCount=4, domain=False, ticks=False)),
            color=alt.Color(
                "place:N",
                scale=alt.Scale(
                    domain=list(range(len(names))), range=[_colour(i) for i in range(len(names))]
                ),
                legend=None,
            ),
            order=alt.Order("place:O"),
        )
        .properties(width=_WIDTH, height=_HEIGHT, background="transparent", description=title)
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_SOFT,
            titleColor=_SOFT,
            gridColor=_LINE,
            domainColor=_LINE,
            labelFontSize=11,
            titleFontWeight="normal",
        )
    )
    return f'<div class="chart" role="img" aria-label="{escape(title)}">{_svg(chart)}</div>'


def _svg(chart: alt.Chart) -> str:
    return vl_convert.vegalite_to_svg(chart.to_dict())


def _colour(index: int) -> str:
    place = index % len(SERIES_COLOURS)
    return f"var(--series-{place + 1}, {SERIES_COLOURS[place]})"


def warm_up() -> None:
    """Start the drawing engine, which takes a second or two the first time."""
    day = date(2000, 1, 1)
    daily_costs([(day, "", Decimal(1))], day, day, "")
