"""The published marts, opened to be read.

What belongs here: opening the one file that BI tools open, and what to say while there is none. What does not: any
query.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from meterhouse.report import NothingPublishedError
from meterhouse.settings import Settings


@contextmanager
def published_marts(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only and in UTC; its tables are in the schema `marts`.

    Raises:
        NothingPublishedError: Nothing was published yet.
    """
    path = settings.published_path
    if not path.exists():
        raise NothingPublishedError(f"Nothing is published in {path} yet.", "Run `meterhouse build`.")
    with duckdb.connect(path, read_only=True) as marts:
        marts.execute("set timezone = 'UTC'")
        yield marts
