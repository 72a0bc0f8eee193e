"""What was believed about a bill, and when: charges as of a day, and what providers changed afterwards.

What belongs here: the questions about former bills. What does not: how former bills are rebuilt
(`warehouse/past.py`), nor which versions of a day there were (`fct_bill_versions`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from meterhouse.errors import UsageError
from meterhouse.published import published_marts
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import quoted
from meterhouse.warehouse.past import bills_known_at

_NAMES = (
    "provider",
    "charge_category",
    "sku",
    "model",
    "token_type",
    "tier",
    "provider_project",
    "provider_key",
)
_BY = ("charge_date", "connection_id", *_NAMES)
_LINES = """
    select {by}, sum(reported_cost_usd) as usd, bool_or(is_provisional) as is_provisional
    from {charges}
    where charge_date between $first and $last
    group by all
"""
_COMPARED = """
    select
        coalesce(was.charge_date, is_now.charge_date) as day,
        coalesce(connection_name, was.connection_id, is_now.connection_id) as connection,
        {names},
        was.usd as then_usd,
        was.is_provisional as then_provisional,
        is_now.usd as now_usd,
        is_now.is_provisional as now_provisional
    from ({then}) as was
    full join ({now}) as is_now on {matched}
    left join marts.dim_connection as connections
        on connections.connection_id = coalesce(was.connection_id, is_now.connection_id)
    order by day, connection, coalesce(abs(was.usd), abs(is_now.usd)) desc, sku
"""
_RESTATED = """
    select
        charge_date as day,
        coalesce(connection_name, versions.connection_id) as connection,
        report,
        version_number as version,
        former_cost_usd as was_usd,
        reported_cost_usd as is_usd,
        change_usd,
        observed_from as seen_at,
        is_current
    from marts.fct_bill_versions as versions
    left join marts.dim_connection using (connection_id)
    where is_restatement and charge_date between $first and $last
    order by charge_date, connection, report, version_number
"""


@dataclass(frozen=True)
class ChargesAsOf:
    """Billed lines as they were believed before a moment, beside what is believed now.

    Amounts are USD as reported, also of days that were not over yet; None where there was no such line, or its dollars
    are unknown.
    """

    before: datetime
    lines: list[dict[str, Any]]

    @property
    def days(self) -> list[dict[str, Any]]:
        """The same added up per day and connection; None where there was no line of a known amount."""
        groups: dict[tuple[date, str], list[dict[str, Any]]] = {}
        for line in self.lines:
            groups.setdefault((line["day"], line["connection"]), []).append(line)
        return [
            {
                "day": day,
                "connection": connection,
                "then_usd": (then := _sum(lines, "then_usd")),
                "then_provisional": any(line["then_provisional"] for line in lines),
                "now_usd": (now := _sum(lines, "now_usd")),
                "now_provisional": any(line["now_provisional"] for line in lines),
                "change_usd": (now or Decimal(0)) - (then or Decimal(0)),
            }
            for (day, connection), lines in groups.items()
        ]


def charges_as_of(
    settings: Settings, day: date, first_day: date | None = None, last_day: date | None = None
) -> ChargesAsOf:
    """What was believed at the end of a UTC day about the bills of other days, both ends inclusive.

    Lines are compared by all that names them; the former ones go through the very models of today.

    Raises:
        UsageError: The period ends before it begins.
        BuildError: A model failed.
        WarehouseBusyError: The warehouse stayed busy.
        NothingPublishedError: Nothing was published yet.
    """
    period = _period(first_day, last_day)
    before = datetime.combine(day + timedelta(days=1), time(), UTC)
    with (
        bills_known_at(settings, before, "+fct_charges") as past,
        published_marts(settings) as marts,
    ):
        marts.execute(f"attach '{quoted(past)}' as past (read_only)")
        return ChargesAsOf(before, _rows(marts, _comparison(), period))


def restatements(
    settings: Settings, first_day: date | None = None, last_day: date | None = None
) -> list[dict[str, Any]]:
    """Each time a provider changed a day that was over and had been pulled: what it was, what it became, and when.

    Raises:
        UsageError: The period ends before it begins.
        NothingPublishedError: Nothing was published yet.
    """
    with published_marts(settings) as marts:
        return _rows(marts, _RESTATED, _period(first_day, last_day))


def _period(first_day: date | None, last_day: date | None) -> dict[str, date]:
    if first_day and last_day and first_day > last_day:
        raise UsageError(
            f"No day lies between {first_day} and {last_day}.", "Give --from a day not after --to."
        )
    return {"first": first_day or date.min, "last": last_day or date.max}


def _comparison() -> str:
    """The lines of then and now side by side; names come from our own lists, never from the user."""
    by = ", ".join(_BY)
    return _COMPARED.format(
        names=", ".join(f"coalesce(was.{name}, is_now.{name}) as {name}" for name in _NAMES),
        then=_LINES.format(by=by, charges="past.marts.fct_charges"),
        now=_LINES.format(by=by, charges="marts.fct_charges"),
        matched=" and ".join(f"was.{name} is not distinct from is_now.{name}" for name in _BY),
    )


def _rows(marts: duckdb.DuckDBPyConnection, sql: str, period: dict[str, date]) -> list[dict[str, Any]]:
    cursor = marts.execute(sql, period)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _sum(lines: list[dict[str, Any]], name: str) -> Decimal | None:
    known = [line[name] for line in lines if line[name] is not None]
    return sum(known, Decimal(0)) if known else None
