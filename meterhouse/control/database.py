"""The control database as the product uses it: migrated on first use, one transaction per `session`.

SQLite by default, PostgreSQL by URL. What belongs here: engines, transactions, migrations. What does not:
table shapes (`tables.py`) and queries, which live with the part that asks them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from meterhouse.errors import MeterhouseError
from meterhouse.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_SECONDS = 60
_READ_ONLY = "meterhouse_read_only"


class ControlDatabaseError(MeterhouseError):
    """The control database cannot be used: wrong URL, unreachable, or written by a newer Meterhouse."""


@contextmanager
def session(settings: Settings) -> Iterator[Session]:
    """One writing transaction: committed at the end of the block, rolled back when the block raises.

    On SQLite it waits for other writers before it begins, so no statement inside it finds the database
    locked. Rows stay readable after the block. Keep network calls out of it.

    Raises:
        ControlDatabaseError: The database cannot be used.
    """
    with Session(engine(settings), expire_on_commit=False) as opened, opened.begin():
        yield opened


@contextmanager
def reading(settings: Settings) -> Iterator[Session]:
    """One transaction that reads a consistent state, waits for nobody and refuses to write.

    Raises:
        ControlDatabaseError: The database cannot be used.
    """
    bind = engine(settings).execution_options(**{_READ_ONLY: True}, postgresql_readonly=True)
    with Session(bind, expire_on_commit=False) as opened, opened.begin():
        yield opened


def take_turns(transaction: Session | Connection, purpose: str) -> None:
    """Let one transaction at a time pass this line for the same purpose; the others wait until it ends.

    SQLite's writing transactions take turns anyway, so this does its work on PostgreSQL.
    """
    bind = transaction.get_bind() if isinstance(transaction, Session) else transaction
    if bind.dialect.name == "postgresql":
        transaction.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"meterhouse {purpose}"))))


def engine(settings: Settings) -> Engine:
    """The engine of the installation's control database, on the newest schema; one per process and URL.

    Raises:
        ControlDatabaseError: The database cannot be used.
    """
    return _engine(settings.control_database_url)


@lru_cache(maxsize=8)
def _engine(control_url: str) -> Engine:
    url = _supported(control_url)
    if url.get_backend_name() == "sqlite":
        opened = _sqlite_engine(url)
    else:
        opened = create_engine(url, pool_pre_ping=True, hide_parameters=True)
    upgrade(opened)
    return opened


def upgrade(target: Engine) -> None:
    """Migrate to the newest schema; processes that start at once take turns; only the first has work.

    Raises:
        ControlDatabaseError: The database cannot be reached, or was written by a newer Meterhouse.
    """
    place = target.url.render_as_string(hide_password=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        if target.dialect.name == "sqlite":
            _switch_to_wal(target)
        with target.begin() as connection:
            take_turns(connection, "upgrade")
            if MigrationContext.configure(connection).get_current_heads() == _newest(config):
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise ControlDatabaseError(
            f"The control database {place} cannot be opened: {str(error.orig).strip().splitlines()[0]}",
            "Check that the place exists and may be written, or set METERHOUSE_CONTROL_URL to another one.",
        ) from None
    except CommandError:
        raise ControlDatabaseError(
            f"The control database {place} was written by a newer Meterhouse than this one.",
            "Install the newer Meterhouse again, or restore the backup taken before it.",
        ) from None


def _newest(config: Config) -> tuple[str, ...]:
    return tuple(ScriptDirectory.from_config(config).get_heads())


def _supported(control_url: str) -> URL:
    """The URL with the driver we ship; its password appears in no message."""
    mend = "Give METERHOUSE_CONTROL_URL as sqlite:///path/to/control.db or postgresql://user:password@host/database."
    try:
        url = make_url(control_url)
    except ArgumentError:
        raise ControlDatabaseError("METERHOUSE_CONTROL_URL is not a database URL.", mend) from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url
    raise ControlDatabaseError(f"The control database cannot live in {url.drivername} here.", mend)


def _sqlite_engine(url: URL) -> Engine:
    """An engine that begins its own transactions: the standard library's driver would begin them too late."""
    opened = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)

    @event.listens_for(opened, "connect")
    def configure(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:  # noqa: ARG001
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()

    @event.listens_for(opened, "begin")
    def begin(connection: Connection) -> None:
        read_only = bool(connection.get_execution_options().get(_READ_ONLY))
        connection.exec_driver_sql(f"PRAGMA query_only = {int(read_only)}")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return opened


def _switch_to_wal(target: Engine) -> None:
    """Make the file, for its owner only, and switch it to write-ahead logging, one process at a time."""
    file = Path(str(target.url.database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
    except OSError as error:
        raise ControlDatabaseError(
            f"The control database {file} cannot be written: {error.strerror}.",
            "Check the permissions, or set METERHOUSE_HOME or METERHOUSE_CONTROL_URL to another place.",
        ) from None
    with FileLock(f"{file}.lock", mode=0o600), target.connect() as connection:
        driver = connection.connection.cursor()
        driver.execute("PRAGMA journal_mode = WAL")
        driver.close()
