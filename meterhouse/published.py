"""The published marts, opened to be read.

What belongs here: opening the one file that BI tools open, what to say while there is none, and whether it holds all
that was loaded. What does not: any query.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import duckdb

from meterhouse.control.database import reading
from meterhouse.errors import MeterhouseError
from meterhouse.events.ledger import last_loaded_at
from meterhouse.settings import Settings


class NothingPublishedError(MeterhouseError):
    """There is no published file to read, or it is of an older release."""


@contextmanager
def published_marts(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only and in UTC; its tables are in the schema `marts`.

    Raises:
        NothingPublishedError: Nothing was published yet, or what was lacks what is asked for (an older release).
    """
    path = settings.published_path
    if not path.exists():
        raise NothingPublishedError(
            f"Nothing is published in {path} yet.",
            "Connect a provider or send events; the first build publishes them (`meterhouse up`, `meterhouse build`).",
        )
    with duckdb.connect(path, read_only=True) as marts:
        marts.execute("set timezone = 'UTC'")
        try:
            yield marts
        except (duckdb.CatalogException, duckdb.BinderException):
            raise NothingPublishedError(
                "The marts were published by an older Meterhouse, and lack what is asked for.",
                "Run `meterhouse build`.",
            ) from None


def unpublished_since(settings: Settings) -> datetime | None:
    """When the newest events were loaded that the published marts cannot hold yet; None when they hold all."""
    with reading(settings) as opened:
        loaded_at = last_loaded_at(opened)
    if loaded_at is None or not settings.published_path.exists():
        return loaded_at
    published_at = datetime.fromtimestamp(settings.published_path.stat().st_mtime, UTC)
    return loaded_at if loaded_at > published_at else None
