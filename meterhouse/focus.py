"""The bill as a FOCUS file: the mart `focus_costs`, as CSV or Parquet.

What belongs here: writing the file whole, and counting what it cannot hold. What does not: what a row says, which is
the mart's (`dbt_project/models/marts/focus_costs.sql`).
"""

import os
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from meterhouse.errors import UsageError
from meterhouse.published import published_marts
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import quoted

FOCUS_VERSION = "1.2"
FORMATS = {
    ".csv": "format csv, header, timestampformat '%Y-%m-%dT%H:%M:%SZ'",
    ".parquet": "format parquet, compression zstd",
}
"""How a file of each suffix is written. Times are UTC; money is decimal text or DECIMAL, never a float."""

_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_ROWS = "from marts.focus_costs where cast(ChargePeriodStart as date) between $first and $last"
_LEFT_OUT = """
    select
        count(*) filter (where is_provisional) as provisional,
        count(*) filter (where not is_provisional and billed_cost_usd is null) as unknown_usd
    from marts.fct_charges
    where charge_date between $first and $last
"""


@dataclass(frozen=True)
class FocusExport:
    """What was written, and how many billed lines a FOCUS file cannot hold, by why."""

    file: Path
    row_count: int
    billed_cost_usd: Decimal
    first_day: date | None
    last_day: date | None
    provisional_count: int
    unknown_usd_count: int


def export_focus(
    settings: Settings, target: Path, first_day: date | None = None, last_day: date | None = None
) -> FocusExport:
    """Write the billed lines of whole UTC days, both ends inclusive, as a FOCUS 1.2 file.

    The file appears whole, in place of one that was there. Lines of days that are not over, and lines in a currency
    whose dollars are unknown, have no BilledCost and are left out; they are counted.

    Args:
        settings: Where the installation lives.
        target: Where to write; its suffix says the format.
        first_day: First day; None for as far back as data goes.
        last_day: Last day; None for as far as data goes.

    Raises:
        UsageError: The suffix is none of FORMATS, or the folder is not there or not to be written to.
        NothingPublishedError: Nothing was published yet.
    """
    if target.suffix.lower() not in FORMATS:
        raise UsageError(f"{target.name} is no name for a FOCUS file.", "End it in .csv or .parquet.")
    period = {"first": first_day or date.min, "last": last_day or date.max}
    fresh = target.with_name(f".{target.name}.fresh")
    with published_marts(settings) as marts:
        count, billed, first, last = marts.execute(
            "select count(*), coalesce(sum(BilledCost), 0), min(cast(ChargePeriodStart as date)),"
            f" max(cast(ChargePeriodStart as date)) {_ROWS}",
            period,
        ).fetchall()[0]
        provisional, unknown_usd = marts.execute(_LEFT_OUT, period).fetchall()[0]
        try:
            _write(marts, fresh, FORMATS[target.suffix.lower()], period)
            os.replace(fresh, target)  # noqa: PTH105 (the atomic rename is the point)
        except (duckdb.IOException, OSError) as error:
            raise UsageError(
                f"{target} cannot be written: {error}.", "Name a file in a folder that you may write to."
            ) from None
        finally:
            fresh.unlink(missing_ok=True)
    return FocusExport(target, count, billed, first, last, provisional, unknown_usd)


def _write(marts: duckdb.DuckDBPyConnection, fresh: Path, options: str, period: dict[str, date]) -> None:
    columns = [column[:2] for column in marts.execute("describe marts.focus_costs").fetchall()]
    columns.sort(key=lambda column: (column[0].startswith("x_"), column[0]))
    is_csv = options == FORMATS[".csv"]
    ordered = ", ".join(
        _not_run(name) if is_csv and sql_type == "VARCHAR" else name for name, sql_type in columns
    )
    rows = f"select {ordered} {_ROWS} order by ChargePeriodStart, x_ConnectionId, x_ChargeId"
    marts.execute(f"copy ({rows}) to '{quoted(fresh)}' ({options})", period)


def _not_run(name: str) -> str:
    """SQL for a text column: a text that a spreadsheet would run as a formula gets an apostrophe in front."""
    is_formula = f"regexp_matches({name}, '{_FORMULA}') and not regexp_matches({name}, '{_NUMBER}')"
    return f"case when {is_formula} then chr(39) || {name} else {name} end as {name}"
