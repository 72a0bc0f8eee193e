"""Puts calls into the published mart as a build leaves them, priced as they are when they land."""

import duckdb
import polars as pl

from meterhouse.events.schema import EVENT_SCHEMA
from meterhouse.pricing.price import price_events
from meterhouse.pricing.versions import current_book
from meterhouse.settings import Settings

_SCHEMA = pl.DataFrame(EVENT_SCHEMA.empty_table()).schema


def publish(settings: Settings, calls: list[dict]) -> None:
    rows = [{name: call.get(name) for name in _SCHEMA} for call in calls]
    priced = price_events(pl.DataFrame(rows, schema=_SCHEMA), current_book(settings)).to_arrow()  # noqa: F841
    settings.published_path.parent.mkdir(parents=True)
    with duckdb.connect(str(settings.published_path)) as marts:
        marts.execute(
            "set timezone = 'UTC'; create schema marts; create table marts.fct_transactions as select * rename"
            " (canonical_model as model, model as requested_model, response_model as served_model,"
            " connection as requested_connection), cast(started_at as date) as event_date,"
            " case when is_batch then 'batch' else coalesce(service_tier, 'standard') end as tier from priced"
        )
