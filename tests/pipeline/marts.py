"""What the published marts say, as something to compare: rows without the times at which we happened to look."""

import duckdb

from meterhouse.settings import Settings

OF_THE_RUN = frozenset(
    {
        "observed_at", "loaded_at", "load_id", "first_seen_at", "last_sync_at", "reason", "received_at",
        "observed_from", "observed_to", "billed_at", "x_ObservedAt", "recorded_at", "superseded_at", "price_id",
    }
)  # fmt: skip
"""Columns that tell when and how we looked, not what is true."""

Rows = dict[str, list[str]]


def contents(settings: Settings) -> Rows:
    """Every mart's rows as sorted text."""
    with duckdb.connect(settings.published_path, read_only=True) as marts:
        names = [
            name
            for (name,) in marts.execute(
                "select table_name from information_schema.tables order by all"
            ).fetchall()
        ]
        return {name: _rows(marts, name) for name in names}


def _rows(marts: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    columns = [row[0] for row in marts.execute(f"describe marts.{name}").fetchall()]
    kept = ", ".join(column for column in columns if column not in OF_THE_RUN)
    return sorted(map(repr, marts.execute(f"select {kept} from marts.{name}").fetchall()))
