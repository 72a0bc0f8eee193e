"""Publishing to PostgreSQL: the same marts for BI tools that read a server, brought up to date in one transaction.

Readers are never made to wait and never see a half: they see the marts as before until the transaction commits. Only
the days of a mart that changed are written again, so the cost of publishing grows with what changed. What belongs here:
tables, slices, the copy. What does not: when to publish (`publish`).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from meterhouse.errors import MeterhouseError
from meterhouse.warehouse.lock import quoted

SCHEMA = "marts"
"""Where the marts are."""
BOOKS = sql.Identifier("meterhouse", "published_slices")
"""What each slice of a mart held when it was written."""
WHOLE = "all"
"""The one slice of a mart that has no day."""
_LOCK = 7_305_412_118
"""Advisory lock that publishers take turns with."""
_CHUNK_BYTES = 1 << 20
_TYPES = {
    "VARCHAR": "text",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "numeric(38, 0)",
    "DOUBLE": "double precision",
}


class PostgresPublishError(MeterhouseError):
    """The marts could not be brought to PostgreSQL; what was there stays as it was."""


@dataclass(frozen=True)
class _Mart:
    name: str
    columns: dict[str, str]
    """DuckDB's type by column name, in order."""

    @cached_property
    def day(self) -> str | None:
        """The column that cuts it into days: its first date, in a fact or report."""
        if self.name.startswith("dim_"):
            return None
        return next((name for name, kind in self.columns.items() if kind == "DATE"), None)

    @property
    def slice_sql(self) -> str:
        """The slice of a row, as text, in DuckDB."""
        return f"coalesce(\"{self.day}\"::varchar, '{WHOLE}')" if self.day else f"'{WHOLE}'"

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(SCHEMA, self.name)

    def definitions(self) -> dict[str, str]:
        """PostgreSQL's type by column name.

        Raises:
            PostgresPublishError: A type that no mart has had yet.
        """
        return {name: self._type(name, kind) for name, kind in self.columns.items()}

    def _type(self, name: str, kind: str) -> str:
        if kind.startswith("DECIMAL"):
            return kind.replace("DECIMAL", "numeric")
        if kind not in _TYPES:
            raise PostgresPublishError(
                f"Column {name} of {self.name} is a {kind}, which cannot be published to PostgreSQL.",
                "Publish to the DuckDB file alone (unset METERHOUSE_PUBLISH_POSTGRES_URL), and report this.",
            )
        return _TYPES[kind]


def publish_to_postgres(url: str, published: Path) -> dict[str, int]:
    """Make the marts of a PostgreSQL database those of a published file.

    Args:
        url: libpq URL of the database; its user may create schemas and tables there.
        published: The DuckDB file the marts are in.

    Returns:
        Rows written per mart; 0 where nothing changed.

    Raises:
        PostgresPublishError: The server cannot be reached or refuses; nothing there changed.
    """
    with _in_words(url), psycopg.connect(url) as server, duckdb.connect(published, read_only=True) as marts:
        marts.execute("set timezone = 'UTC'")
        server.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        _create_books(server)
        found = _marts_of(marts)
        _drop_others(server, found)
        return {mart.name: _bring(mart, marts, server) for mart in found}


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as fault:
        where = conninfo_to_dict(url)
        raise PostgresPublishError(
            f"The marts were not published to PostgreSQL ({where.get('dbname', '?')} at {where.get('host', '?')}): "
            f"{' '.join(str(fault).split())}.",
            "See that the server of METERHOUSE_PUBLISH_POSTGRES_URL runs and its user may create tables; the next "
            "`meterhouse build` publishes all that changed meanwhile.",
        ) from None


def _create_books(server: psycopg.Connection) -> None:
    for schema in (SCHEMA, "meterhouse"):
        server.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    server.execute(
        sql.SQL(
            "create table if not exists {} "
            "(mart text, slice text, fingerprint text not null, primary key (mart, slice))"
        ).format(BOOKS)
    )


def _marts_of(marts: duckdb.DuckDBPyConnection) -> list[_Mart]:
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in marts.execute(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = ? order by table_name, "
        "column_index",
        [SCHEMA],
    ).fetchall():
        columns.setdefault(table, {})[column] = kind
    return [_Mart(name, kinds) for name, kinds in columns.items()]


def _drop_others(server: psycopg.Connection, marts: list[_Mart]) -> None:
    """Drop the marts that were published once and are no more."""
    names = [mart.name for mart in marts]
    gone = server.execute(
        sql.SQL("select distinct mart from {} where mart <> all(%s)").format(BOOKS), [names]
    ).fetchall()
    for (name,) in gone:
        server.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(SCHEMA, name)))
        server.execute(sql.SQL("delete from {} where mart = %s").format(BOOKS), [name])


def _bring(mart: _Mart, marts: duckdb.DuckDBPyConnection, server: psycopg.Connection) -> int:
    """Write the slices of a mart that changed; rows written."""
    _shape(mart, server)
    now = dict(
        marts.execute(
            f"select {mart.slice_sql}, concat_ws(':', count(*), sum(hash(t)::hugeint), bit_xor(hash(t))) "  # noqa: S608
            f'from {SCHEMA}."{mart.name}" as t group by all'
        ).fetchall()
    )
    before: dict[str, str] = dict(
        server.execute(
            sql.SQL("select slice, fingerprint from {} where mart = %s").format(BOOKS), [mart.name]
        )
    )
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if not changed:
        return 0
    _delete(mart, changed, server)
    _copy(mart, changed, marts, server)
    server.execute(
        sql.SQL("delete from {} where mart = %s and slice = any(%s)").format(BOOKS), [mart.name, changed]
    )
    with server.cursor() as cursor:
        cursor.executemany(
            sql.SQL("insert into {} values (%s, %s, %s)").format(BOOKS),
            [(mart.name, name, now[name]) for name in changed if name in now],
        )
        cursor.execute(
            sql.SQL("select count(*) from {} where {} = any(%s)").format(mart.table, _slice(mart)), [changed]
        )
        row = cursor.fetchone()
    return row[0] if row else 0


def _shape(mart: _Mart, server: psycopg.Connection) -> None:
    """Create the table, or add the columns it lacks; one of another shape is made anew."""
    wanted = mart.definitions()
    found: dict[str, str] = dict(
        server.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            [f'{SCHEMA}."{mart.name}"'],
        )
    )
    if found and any(_plain(wanted.get(name, "")) != _plain(kind) for name, kind in found.items()):
        server.execute(sql.SQL("drop table {}").format(mart.table))
        found = {}
    if set(found) == set(wanted):
        return
    server.execute(sql.SQL("delete from {} where mart = %s").format(BOOKS), [mart.name])
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in wanted.items()
        if name not in found
    ]
    if found:
        server.execute(sql.SQL("delete from {}").format(mart.table))
        added = sql.SQL(", ").join(sql.SQL("add column ") + column for column in columns)
        server.execute(sql.SQL("alter table {} {}").format(mart.table, added))
        return
    server.execute(sql.SQL("create table {} ({})").format(mart.table, sql.SQL(", ").join(columns)))
    if mart.day is not None:
        server.execute(sql.SQL("create index on {} ({})").format(mart.table, sql.Identifier(mart.day)))


def _plain(kind: str) -> str:
    """A type as PostgreSQL and we both write it."""
    long = {"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone"}
    return long.get(kind, kind).replace(" ", "")


def _slice(mart: _Mart) -> sql.Composable:
    """The slice of a row, as text, in PostgreSQL."""
    if mart.day is None:
        return sql.Literal(WHOLE)
    return sql.SQL("coalesce(to_char({}, 'YYYY-MM-DD'), {})").format(
        sql.Identifier(mart.day), sql.Literal(WHOLE)
    )


def _delete(mart: _Mart, slices: list[str], server: psycopg.Connection) -> None:
    days = [name for name in slices if name != WHOLE]
    if mart.day is None:
        server.execute(sql.SQL("delete from {}").format(mart.table))
        return
    day = sql.Identifier(mart.day)
    server.execute(sql.SQL("delete from {} where {} = any(%s::date[])").format(mart.table, day), [days])
    if WHOLE in slices:
        server.execute(sql.SQL("delete from {} where {} is null").format(mart.table, day))


def _copy(
    mart: _Mart, slices: list[str], marts: duckdb.DuckDBPyConnection, server: psycopg.Connection
) -> None:
    """Stream the rows of slices through a file: no row is ever a Python object."""
    texts = [name for name, kind in mart.columns.items() if kind == "VARCHAR"]
    without_nul = ", ".join(f'replace("{name}", chr(0), \'\') as "{name}"' for name in texts)
    forced = ", ".join(f'"{name}"' for name in texts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        options = f", force_quote ({forced})" if texts else ""
        marts.execute("set variable slices = ?", [slices])
        marts.execute(
            f'copy (select * {f"replace ({without_nul})" if texts else ""} from {SCHEMA}."{mart.name}" '  # noqa: S608
            f"where list_contains(getvariable('slices'), {mart.slice_sql})) to '{quoted(path)}' "
            f"(format csv, header false, nullstr '\\N', quote '\"', escape '\"'{options})"
        )
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in mart.columns)
        statement = sql.SQL("copy {} ({}) from stdin (format csv, null '\\N')").format(mart.table, columns)
        with path.open("rb") as file, server.cursor() as cursor, cursor.copy(statement) as copy:
            while chunk := file.read(_CHUNK_BYTES):
                copy.write(chunk)
