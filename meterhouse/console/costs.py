"""The page of costs: what was billed, who caused it, and why billed and metered differ.

Its numbers are those of `meterhouse report`. What belongs here: comparison and layout. What does not: which days are
asked for (`periods.py`), and what outcomes cost (`outcomes.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from meterhouse import charts
from meterhouse.console import marts
from meterhouse.console.downloads import csv_response
from meterhouse.console.outcomes import outcomes
from meterhouse.console.periods import Period, period_of
from meterhouse.console.render import drawn
from meterhouse.console.web import Visit, page
from meterhouse.errors import UsageError
from meterhouse.report import CAUSES, DIMENSIONS, build_report
from meterhouse.settings import Settings

_PRESETS = (7, 30, 90, 365)
_AMOUNTS = ("billed", "attributed", "metered", "provisional")
_ROWS_SHOWN = 200
_DAILY = """
    select spend_date, provider, sum(coalesce(billed_cost_usd, estimated_usd)) as usd
    from marts.rpt_daily_spend
    where spend_date between $first and $last
    group by all
    having usd is not null
    order by all
"""


def routes() -> list[Route]:
    """The page, and its table as CSV."""
    return [page("/costs", _costs), page("/costs.csv", _download)]


def drawn_days(settings: Settings, period: Period) -> dict[str, Any]:
    """Cost per day and provider as a `chart`, None where there is none, and its `legend`; open days as metered."""
    points = [
        (row["spend_date"], row["provider"], row["usd"])
        for row in marts.rows(settings, _DAILY, {"first": period.first, "last": period.last})
    ]
    svg = charts.daily_costs(points, period.first, period.last, "Cost per day and provider")
    return {
        "chart": drawn(svg) if points else None,
        "legend": charts.series_colours(charts.biggest(points)),
    }


def moved(report: dict[str, Any], before: dict[str, Any], by: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a report with what each cost `before` and its `change`, those that ended included; movers first."""

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in by)

    earlier = {key(row): row["billed"] + row["provisional"] for row in before["rows"]}
    nothing = dict.fromkeys(_AMOUNTS, Decimal(0)) | {"events": 0}
    gone = earlier.keys() - {key(row) for row in report["rows"]}
    rows = [*report["rows"], *(nothing | dict(zip(by, names, strict=True)) for names in gone)]
    for row in rows:
        row["before"] = earlier.get(key(row), Decimal(0))
        row["change"] = row["billed"] + row["provisional"] - row["before"]
    return sorted(rows, key=lambda row: (-abs(row["change"]), str(key(row))))


def _costs(visit: Visit) -> Response:
    period, by = period_of(visit), _dimension(visit)
    report = build_report(visit.settings, period.first, period.last, [by])
    is_compared = visit.asked("compare") == "1"
    before = (
        build_report(visit.settings, period.before.first, period.before.last, [by]) if is_compared else None
    )
    rows = report["rows"] if before is None else moved(report, before, [by])
    highest = max((row["billed"] + row["provisional"] for row in rows), default=Decimal(0))
    return visit.page(
        "costs.html",
        period=period,
        presets=_PRESETS,
        today=datetime.now(UTC).date(),
        by=by,
        dimensions=DIMENSIONS,
        report=report,
        before=before,
        causes=CAUSES,
        rows=rows[:_ROWS_SHOWN],
        row_count=len(rows),
        highest=highest,
        **drawn_days(visit.settings, period),
        **outcomes(visit.settings, period),
        published_at=marts.published_at(visit.settings),
    )


def _download(visit: Visit) -> Response:
    period, by = period_of(visit), _dimension(visit)
    report = build_report(visit.settings, period.first, period.last, [by])
    columns = (by, *_AMOUNTS, "events")
    name = f"costs-by-{by}-{period.first}-{period.last}"
    header = (by, *(f"{amount}_usd" for amount in _AMOUNTS), "events")
    return csv_response(name, header, ([row[column] for column in columns] for row in report["rows"]))


def _dimension(visit: Visit) -> str:
    by = visit.asked("by") or "provider"
    if by not in DIMENSIONS:
        raise UsageError(f"There is no dimension {by!r}.", f"Choose from: {', '.join(DIMENSIONS)}.")
    return by
