"""The report: what was billed, who caused it, and why metered and billed differ, from the published marts.

`build_report` gives the stable JSON shape that `meterhouse report --json` prints; the command line renders the same
object for people. It reads the published file and the control database only, never the warehouse.
"""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
from sqlalchemy import select

from meterhouse.business_units import LEVELS
from meterhouse.connections.overview import overview
from meterhouse.control.database import reading
from meterhouse.control.tables import IncidentRow
from meterhouse.errors import UsageError
from meterhouse.events.schema import NOTES_OF_CONTROLS
from meterhouse.pricing.opinions import disputed_costs
from meterhouse.pricing.overrides_file import OverridesError
from meterhouse.pricing.versions import current_book
from meterhouse.published import published_marts
from meterhouse.settings import Settings

_DIMENSIONS = {
    "provider": "provider",
    "connection": "connection_name",
    "model": "model",
    "token_type": "token_type",
    "tier": "tier",
    "project": "provider_project",
    "customer": "customer",
    "product": "product",
    "subscriber": "subscriber_id",
    "agent": "agent",
    "workflow": "workflow",
    "task_type": "task_type",
    "business_unit": "business_unit",
    **{f"business_unit_{level}": f"coalesce(level_{level}, business_unit)" for level in range(1, LEVELS + 1)},
    "environment": "environment",
    "credential": "credential_name",
}
DIMENSIONS = tuple(_DIMENSIONS)
"""What `--by` accepts."""
CAUSES = {
    "timing": "billed on a neighbouring day",
    "quantity": "unmetered (or, if negative, metered twice)",
    "price": "billed at another price than the list",
    "unpriced": "metered, but the price book has no price",
    "unexplained": "billed without a quantity",
}
"""The causes of variance, and what each means."""
_NOT_OF_EVENTS = frozenset({"token_type"})

_TOTALS = """
    select
        min(cost_date) as first_day,
        max(cost_date) as last_day,
        coalesce(sum(billed_cost_usd), 0) as billed,
        coalesce(sum(billed_cost_usd) filter (where allocation = 'attributed'), 0) as attributed,
        coalesce(sum(billed_cost_usd) filter (where allocation = 'unattributed'), 0) as unattributed,
        coalesce(sum(billed_cost_usd) filter (where allocation = 'credits'), 0) as credits,
        coalesce(sum(billed_cost_usd) filter (where allocation = 'other'), 0) as other,
        coalesce(sum(estimated_usd), 0) as provisional
    from marts.fct_attributed_costs
    where cost_date between $first and $last
"""
_VARIANCE = """
    select
        coalesce(sum(metered_cost_usd), 0) as metered,
        coalesce(sum(timing_usd), 0) as timing,
        coalesce(sum(quantity_usd), 0) as quantity,
        coalesce(sum(price_usd), 0) as price,
        coalesce(sum(unpriced_usd), 0) as unpriced,
        coalesce(sum(unexplained_usd), 0) as unexplained
    from marts.fct_reconciliation
    where not is_provisional and reconciliation_date between $first and $last
"""
_ROWS = """
    with costs as (
        select
            {columns},
            sum(billed_cost_usd) as billed,
            sum(billed_cost_usd) filter (where allocation = 'attributed') as attributed,
            sum(metered_cost_usd) filter (where not is_provisional) as metered,
            sum(estimated_usd) as provisional
        from marts.fct_attributed_costs
        left join (select connection_id, connection_name from marts.dim_connection) using (connection_id)
        {cost_units}
        where cost_date between $first and $last
        group by all
    ),
    transactions as (
        select {event_columns}, count(*) filter (where coalesce(outcome, '') not in {notes}) as events
        from marts.fct_transactions
        left join (select connection_id, connection_name from marts.dim_connection) using (connection_id)
        {event_units}
        where event_date between $first and $last
        group by all
    )
    select
        {merged},
        coalesce(costs.billed, 0) as billed,
        coalesce(costs.attributed, 0) as attributed,
        coalesce(costs.metered, 0) as metered,
        coalesce(costs.provisional, 0) as provisional,
        coalesce(transactions.events, 0) as events
    from costs
    full join transactions on {matched}
    order by {order}
"""

_UNITS = """
    left join (
        select business_unit as unit, valid_from, valid_to, level_1, level_2, level_3, level_4
        from marts.dim_business_unit
    ) on unit = business_unit and {day} between valid_from and valid_to
"""


def build_report(
    settings: Settings,
    first_day: date | None = None,
    last_day: date | None = None,
    by: Sequence[str] = ("provider",),
) -> dict[str, Any]:
    """The report over whole UTC days, both ends inclusive, as the stable JSON shape (design cli, `report`).

    Amounts are Decimal in USD. billed = attributed + unattributed + credits + other, and billed − metered = Σ variance
    + credits + other, exactly; `metered` counts days already billed, `provisional` estimates the others. `coverage` is
    attributed ÷ (attributed + unattributed), None when nothing was billed for usage.

    Args:
        settings: Where the installation lives.
        first_day: First day; None for as far back as data goes.
        last_day: Last day; None for as far as data goes.
        by: Dimensions of `rows`, from `DIMENSIONS`.

    Raises:
        UsageError: An unknown dimension, or a period that ends before it begins.
        NothingPublishedError: Nothing was published yet.
    """
    unknown = [name for name in by if name not in _DIMENSIONS]
    if unknown:
        raise UsageError(f"There is no dimension {unknown[0]!r}.", f"--by takes: {', '.join(DIMENSIONS)}.")
    if first_day and last_day and first_day > last_day:
        raise UsageError(
            f"No day lies between {first_day} and {last_day}.", "Give --from a day not after --to."
        )
    period = {"first": first_day or date.min, "last": last_day or date.max}
    with published_marts(settings) as marts:
        totals = _query(marts, _TOTALS, period)[0]
        variance = _query(marts, _VARIANCE, period)[0]
        rows = _query(marts, _rows_sql(by), period)
    now = datetime.now(UTC)
    return {
        "from": first_day or totals["first_day"],
        "to": last_day or totals["last_day"],
        "currency": "USD",
        **{name: totals[name] for name in ("billed", "attributed", "unattributed", "credits", "other")},
        "metered": variance.pop("metered"),
        "coverage": _coverage(totals["attributed"], totals["unattributed"]),
        "provisional": totals["provisional"],
        "variance": variance,
        "rows": rows,
        "connections": [one.as_json() for one in overview(settings, now)],
        "alerts": _alerts(settings),
    }


def disputes(settings: Settings, report: dict[str, Any]) -> list[dict[str, Any]] | None:
    """What the calls of a report's days cost by the price book and by another one, where these disagree.

    Returns:
        See `disputed_costs`; None while the price overrides are wrong, and so no book is in force.
    """
    first, last = report["from"], report["to"]
    if first is None or last is None:
        return []
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    try:
        return disputed_costs(settings, current_book(settings), start, end, datetime.now(UTC))
    except OverridesError:
        return None


def usd(amount: Decimal) -> str:
    """An amount for reading: cents, or more places when it is below a cent."""
    places = Decimal("0.01") if abs(amount) >= Decimal("0.01") or not amount else Decimal("0.000001")
    return f"{amount.quantize(places, ROUND_HALF_UP):,}"


def _rows_sql(by: Sequence[str]) -> str:
    """The rows query; names come from our own table, never from the user."""
    is_by_level = any(name.startswith("business_unit_") for name in by)
    return _ROWS.format(
        notes=NOTES_OF_CONTROLS,
        cost_units=_UNITS.format(day="cost_date") if is_by_level else "",
        event_units=_UNITS.format(day="event_date") if is_by_level else "",
        columns=", ".join(f"{_DIMENSIONS[name]} as {name}" for name in by),
        event_columns=", ".join(
            f"null as {name}" if name in _NOT_OF_EVENTS else f"{_DIMENSIONS[name]} as {name}" for name in by
        ),
        merged=", ".join(f"coalesce(costs.{name}, transactions.{name}) as {name}" for name in by),
        order=", ".join(("billed desc", "events desc", *by)),
        matched=" and ".join(f"costs.{name} is not distinct from transactions.{name}" for name in by),
    )


def _query(marts: duckdb.DuckDBPyConnection, sql: str, period: dict[str, date]) -> list[dict[str, Any]]:
    cursor = marts.execute(sql, period)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _coverage(attributed: Decimal, unattributed: Decimal) -> Decimal | None:
    usage = attributed + unattributed
    return (attributed / usage).quantize(Decimal("0.0001")) if usage else None


def _alerts(settings: Settings) -> list[dict[str, Any]]:
    with reading(settings) as opened:
        incidents = opened.scalars(select(IncidentRow).order_by(IncidentRow.fired_at, IncidentRow.id)).all()
    return [
        {
            "rule": incident.rule,
            "group": json.loads(incident.group_key),
            "value": incident.value,
            "limit": incident.limit,
            "fired_at": incident.fired_at,
            "resolved_at": incident.resolved_at,
        }
        for incident in incidents
        if incident.status != "retracted" and not incident.is_shadow
    ]
