"""The cost report as one HTML file: to mail, to print, to keep; no script, and nothing loaded from anywhere.

Its totals are those of `meterhouse report`, its look that of the console. What belongs here: which sections it has,
and what they ask of the published marts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from meterhouse.connections.overview import overview
from meterhouse.console import marts
from meterhouse.console.costs import drawn_days, moved
from meterhouse.console.health import trust_scores
from meterhouse.console.periods import Period
from meterhouse.console.render import STATIC, drawn, rendered
from meterhouse.report import CAUSES, build_report, disputes
from meterhouse.settings import Settings

CAUSED_BY = ("customer", "product", "agent")
"""Who caused it: one table each."""
_ROWS_SHOWN = 12
_MOVING_DAYS = 7
_TOKENS_PER_PRICE = 1_000_000
_MOVED_BY = ("provider", "model")

_LAST_BILLED_DAY = """
    select max(spend_date) as day
    from marts.rpt_daily_spend
    where billed_cost_usd is not null and spend_date between $first and $last
"""
_UNIT_COSTS = """
    select provider, model, sum(counted_cost_usd) as billed_usd, sum(billed_tokens) as tokens
    from marts.rpt_model_costs
    where report_date between $first and $last
    group by all
    having tokens > 0
    order by billed_usd desc, provider, model
    limit $rows_shown
"""


@dataclass(frozen=True)
class Movers:
    """What changed most from some days to as many days right after them, all of them billed."""

    period: Period
    rows: list[dict[str, Any]]


def cost_report(settings: Settings, first_day: date | None = None, last_day: date | None = None) -> str:
    """The report over whole UTC days, both ends inclusive, as one HTML page.

    Args:
        settings: Where the installation lives.
        first_day: First day; None for as far back as data goes.
        last_day: Last day; None for as far as data goes.

    Raises:
        UsageError: A period that ends before it begins.
        NothingPublishedError: Nothing was published yet.
    """
    report = build_report(settings, first_day, last_day)
    now = datetime.now(UTC)
    period = Period(report["from"] or now.date(), report["to"] or now.date())
    return rendered(
        "cost_report.html",
        css=drawn((STATIC / "console.css").read_text()),
        made_at=now,
        published_at=marts.published_at(settings),
        report=report,
        causes=CAUSES,
        movers=_movers(settings, period),
        unit_costs=_unit_costs(settings, period),
        caused_by={
            name: build_report(settings, first_day, last_day, [name])["rows"][:_ROWS_SHOWN]
            for name in CAUSED_BY
        },
        disputed=disputes(settings, report),
        accounts=_accounts(settings, period, now),
        **drawn_days(settings, period),
    )


def _movers(settings: Settings, period: Period) -> Movers | None:
    """The last billed days against as many before them: up to a week, at most half of the period."""
    [row] = marts.rows(settings, _LAST_BILLED_DAY, {"first": period.first, "last": period.last})
    last = row["day"]
    days = min(_MOVING_DAYS, ((last - period.first).days + 1) // 2) if last else 0
    if days == 0:
        return None
    recent = Period(last - timedelta(days=days - 1), last)
    now, before = (
        build_report(settings, part.first, part.last, _MOVED_BY) for part in (recent, recent.before)
    )
    rows = [row for row in moved(now, before, _MOVED_BY) if row["change"]]
    return Movers(recent, rows[:_ROWS_SHOWN])


def _unit_costs(settings: Settings, period: Period) -> list[marts.Row]:
    """What a million tokens really cost on the bill, all token types together."""
    asked = {"first": period.first, "last": period.last, "rows_shown": _ROWS_SHOWN}
    return [
        row | {"usd_per_million": row["billed_usd"] * _TOKENS_PER_PRICE / row["tokens"]}
        for row in marts.rows(settings, _UNIT_COSTS, asked)
    ]


def _accounts(settings: Settings, period: Period, now: datetime) -> list[dict[str, Any]]:
    """Every connection with its status, its amounts, and the trust score of its newest billed day."""
    nothing = dict.fromkeys(("billed", "attributed", "provisional"), Decimal(0))
    rows = build_report(settings, period.first, period.last, ["connection"])["rows"]
    amounts, trust = {row["connection"]: row for row in rows}, trust_scores(settings)
    return [
        one.as_json()
        | {"trust": trust.get(one.connection.id)}
        | (nothing | amounts.get(one.connection.name, {}))
        for one in overview(settings, now)
    ]
