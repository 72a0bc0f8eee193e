"""The price book as the warehouse sees it: every price there ever was here, list prices and names of models in force.

Prices are only added and ended, so that the version a call was priced by is found when another holds. What does not
belong here: pricing, which the warehouse never does.
"""

from datetime import UTC, datetime

import duckdb
import polars as pl

from meterhouse.pricing.book import PRICE_SCHEMA, read_listed
from meterhouse.pricing.overrides import BASE
from meterhouse.pricing.overrides_file import BEGINNING_OF_TIME, END_OF_TIME
from meterhouse.pricing.versions import current_book, versions
from meterhouse.settings import Settings
from meterhouse.warehouse.lock import warehouse

_FROM = ("source", "source_version", "retrieved_at")
_SAID = [name for name in PRICE_SCHEMA if name not in _FROM]
_IS_THE_SAME = " and ".join(f"old.{name} is not distinct from new.{name}" for name in _SAID)
_TABLE = """
    create table if not exists raw_control.prices as
    select *, cast(null as timestamptz) as recorded_at, cast(null as timestamptz) as superseded_at
    from snapshot limit 0
"""
_COLUMNS_SINCE = "alter table raw_control.prices add column if not exists hours varchar"
_END = f"""
    update raw_control.prices as old set superseded_at = $now
    where old.superseded_at is null and not exists (select 1 from snapshot as new where {_IS_THE_SAME})
"""  # noqa: S608 (columns of our own)
_ADD = f"""
    insert into raw_control.prices by name select *, $now as recorded_at, null as superseded_at from snapshot as new
    where not exists (select 1 from raw_control.prices as old where old.superseded_at is null and {_IS_THE_SAME})
"""  # noqa: S608 (columns of our own)


def snapshot_prices(settings: Settings) -> dict[str, int]:
    """Bring `raw_control` up to the book in force.

    `prices` and `model_aliases` are those of the book with its overrides, `listed_prices` those of the book alone.

    Returns:
        Rows by table.

    Raises:
        OverridesError: The price overrides are wrong.
        WarehouseBusyError: The warehouse stayed busy.
    """
    book = current_book(settings)
    listed = read_listed(versions(settings)[-1].folder).prices
    with warehouse(settings, "snapshot of the price book") as path, duckdb.connect(path) as database:
        database.execute("set timezone = 'UTC'")
        database.execute("create schema if not exists raw_control")
        database.register("snapshot", _as_stored(book.prices).to_arrow())
        database.register("listed", _as_stored(listed).to_arrow())
        database.register("aliases", book.aliases.to_arrow())
        database.begin()
        database.execute(_TABLE)
        database.execute(_COLUMNS_SINCE)
        for statement in (_END, _ADD):
            database.execute(statement, {"now": datetime.now(UTC)})
        database.execute("create or replace table raw_control.listed_prices as from listed")
        database.execute("create or replace table raw_control.model_aliases as from aliases")
        database.commit()
        return {
            name: database.execute(f"select count(*) from raw_control.{name}").fetchall()[0][0]  # noqa: S608
            for name in ("prices", "listed_prices", "model_aliases")
        }


def _as_stored(prices: pl.DataFrame) -> pl.DataFrame:
    """Prices with NULL for no end, everywhere and the whole day, and 0 for no threshold."""
    return prices.select(
        pl.col(name).replace(BASE, 0)
        if name == "above_input_tokens"
        else pl.col(name).replace({BEGINNING_OF_TIME: None, END_OF_TIME: None})
        if name in ("valid_from", "valid_to")
        else pl.col(name).replace("", None)
        if name in ("region", "hours")
        else pl.col(name)
        for name in PRICE_SCHEMA
    )
