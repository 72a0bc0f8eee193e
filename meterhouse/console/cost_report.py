"""The cost report as one HTML file: to mail, to print, to keep; no script, and nothing loaded from anywhere.

Its totals are those of `meterhouse report`, its look that of the console. What belongs here: which sections it has,
and their queries of the published marts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from meterhouse import charts
from meterhouse.console import marts
from meterhouse.console.render import STATIC, drawn, rendered
from meterhouse.events.schema import BUCKETS
from meterhouse.report import CAUSES, build_report
from meterhouse.settings import Settings

CAUSED_BY = ("customer", "product", "agent")
"""Who caused it: one table each."""
_ROWS_SHOWN = 12
_MOVING_DAYS = 7
_TOKENS_PER_PRICE = 1_000_000

_DAILY = """
    select spend_date, provider, sum(coalesce(billed_cost_usd, estimated_usd)) as usd
    from marts.rpt_daily_spend
    where spend_date between $first and $last
    group by all
    having usd is not null
    order by all
"""
_LAST_BILLED_DAY = """
    select max(spend_date) as day
    from marts.rpt_daily_spend
    where billed_cost_usd is not null and spend_date between $first and $last
"""
_MOVERS = """
    select
        provider,
        model,
        coalesce(sum(billed_cost_usd) filter (where cost_date > $middle), 0) as now_usd,
        coalesce(sum(billed_cost_usd) filter (where cost_date <= $middle), 0) as before_usd,
        now_usd - before_usd as change_usd
    from marts.fct_attributed_costs
    where cost_date between $first and $last and billed_cost_usd is not null
    group by all
    having change_usd <> 0
    order by abs(change_usd) desc, provider, model
    limit $rows_shown
"""
_UNIT_COSTS = """
    select provider, model, sum(billed_cost_usd) as billed_usd, sum(billed_quantity) as tokens
    from marts.fct_reconciliation
    where
        reconciliation_date between $first and $last and not is_provisional
        and billed_quantity > 0 and token_type in (select unnest($token_types))
    group by all
    order by billed_usd desc, provider, model
    limit $rows_shown
"""


@dataclass(frozen=True)
class Movers:
    """What changed most from some days to as many days right after them, all of them billed."""

    first: date
    middle: date
    last: date
    rows: list[marts.Row]


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
    period = {"first": report["from"] or date.min, "last": report["to"] or date.max}
    points = [
        (row["spend_date"], row["provider"], row["usd"]) for row in marts.rows(settings, _DAILY, period)
    ]
    title = "Cost per day and provider"
    return rendered(
        "cost_report.html",
        css=drawn((STATIC / "console.css").read_text()),
        made_at=datetime.now(UTC),
        published_at=marts.published_at(settings),
        report=report,
        causes=CAUSES,
        chart=drawn(charts.daily_costs(points, period["first"], period["last"], title)) if points else None,
        legend=charts.series_colours(charts.biggest(points)),
        movers=_movers(settings, period),
        unit_costs=_unit_costs(settings, period),
        caused_by={
            name: build_report(settings, first_day, last_day, [name])["rows"][:_ROWS_SHOWN]
            for name in CAUSED_BY
        },
        accounts=_accounts(settings, report, first_day, last_day),
    )


def _movers(settings: Settings, period: dict[str, date]) -> Movers | None:
    """The last billed days against as many before them: up to a week, at most half of the period."""
    [row] = marts.rows(settings, _LAST_BILLED_DAY, period)
    last = row["day"]
    if last is None:
        return None
    days = min(_MOVING_DAYS, ((last - period["first"]).days + 1) // 2)
    if days == 0:
        return None
    middle = last - timedelta(days=days)
    first = middle - timedelta(days=days - 1)
    asked = {"first": first, "middle": middle, "last": last, "rows_shown": _ROWS_SHOWN}
    return Movers(first, middle, last, marts.rows(settings, _MOVERS, asked))


def _unit_costs(settings: Settings, period: dict[str, date]) -> list[marts.Row]:
    """What a million tokens really cost on the bill, all token types together."""
    token_types = [bucket.token_type for bucket in BUCKETS if bucket.field.endswith("_tokens")] + ["tokens"]
    asked = period | {"token_types": token_types, "rows_shown": _ROWS_SHOWN}
    return [
        row | {"usd_per_million": row["billed_usd"] * _TOKENS_PER_PRICE / row["tokens"]}
        for row in marts.rows(settings, _UNIT_COSTS, asked)
    ]


def _accounts(
    settings: Settings, report: dict[str, Any], first_day: date | None, last_day: date | None
) -> list[dict[str, Any]]:
    """Every connection with its status, its amounts, and how much of its bill is attributed."""
    nothing = dict.fromkeys(("billed", "attributed", "metered", "provisional"), Decimal(0))
    amounts = {
        row["connection"]: row for row in build_report(settings, first_day, last_day, ["connection"])["rows"]
    }
    return [
        connection | (nothing | amounts.get(connection["name"], {})) for connection in report["connections"]
    ]
