"""Syncing: pull a connection's reports into the warehouse, so that a kill at any point costs nothing but a rerun.

The order is the guarantee: rows are extracted with no lock held, loaded under the warehouse lock, and become visible
only when the versions of their days (`pulled_days`) are loaded after them. What does not belong here: what a provider's
reports are (`dlt_sources/`), which connections exist (`registry.py`), what is asked for next (`sync_log.py`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from filelock import FileLock

from dlt_sources.contract import Fault, Provider, ProviderError, Window
from dlt_sources.source import PulledDays, build_source, pulled_days_source
from dlt_sources.spending import counted_requests
from meterhouse.connections import registry, sync_log
from meterhouse.connections.form import known_provider
from meterhouse.control.tables import ConnectionRow
from meterhouse.errors import MeterhouseError
from meterhouse.events.call_logs import import_new
from meterhouse.settings import Settings
from meterhouse.warehouse.loading import fresh_pipeline
from meterhouse.warehouse.lock import warehouse

Tell = Callable[[str], None]


@dataclass(frozen=True)
class SyncResult:
    """One connection's pull: the days asked for, rows per table, requests sent, and why it failed when it did.

    `defect` is the exception when the fault is ours: somebody has to see its traceback.
    """

    connection: str
    window: Window
    row_counts: dict[str, int] = field(default_factory=dict)
    request_count: int = 0
    error: str | None = None
    next_step: str | None = None
    defect: Exception | None = None

    @property
    def row_count(self) -> int:
        """Rows pulled over all tables."""
        return sum(self.row_counts.values())


@dataclass(frozen=True)
class RoutineSync:
    """A provider's routine sync: the pulls that were due, and when the other connections are, by name."""

    results: list[SyncResult]
    not_due: dict[str, datetime]


def sync_due(settings: Settings, provider: Provider, on_progress: Tell = lambda _: None) -> RoutineSync:
    """Sync each connection of the provider that is due and not paused; one that fails never stops the others."""
    routine = RoutineSync([], {})
    for connection in registry.find(settings, provider.name):
        if connection.is_paused:
            continue
        due_at = sync_log.due_at(settings, connection, provider, datetime.now(UTC))
        if due_at is None:
            routine.results.append(sync(settings, connection, on_progress=on_progress))
        else:
            routine.not_due[connection.name] = due_at
            on_progress(f"{connection.name}: not due before {due_at:%Y-%m-%d %H:%M} UTC")
    return routine


def sync(
    settings: Settings,
    connection: ConnectionRow,
    first_day: date | None = None,
    last_day: date | None = None,
    on_progress: Tell = lambda _: None,
) -> SyncResult:
    """Pull one connection now; a failure, ours too, is written to the sync log and returned, not raised.

    Args:
        settings: Where the installation lives.
        connection: What to pull.
        first_day: First UTC day; by default the first that no sync covered, less the provider's lookback.
        last_day: Last UTC day, inclusive; by default today.
        on_progress: Told in words what is going on.

    Raises:
        UsageError: No day lies between the two.
    """
    provider = known_provider(connection.provider)
    now = datetime.now(UTC)
    window = sync_log.window_for(settings, connection, provider, now.date(), first_day, last_day)
    with FileLock(settings.home_path / f"sync-{connection.id}.lock"):
        run_id = sync_log.start(settings, connection.id, window, now)
        on_progress(f"{connection.name}: pulling {window.start} to {window.end}")
        with counted_requests() as spent:
            try:
                row_counts, pulled = _pull(settings, provider, connection, window, run_id)
                _import_call_logs(settings, provider, connection, on_progress)
            except Exception as error:
                fault, message, next_step = _explained(error, connection)
                ended_at = datetime.now(UTC)
                sync_log.fail(settings, run_id, fault, message, next_step, ended_at, spent.request_count)
                on_progress(f"{connection.name}: {message}")
                is_ours = not isinstance(_cause(error), ProviderError | MeterhouseError)
                return SyncResult(
                    connection.name,
                    window,
                    request_count=spent.request_count,
                    error=message,
                    next_step=next_step,
                    defect=error if is_ours else None,
                )
        result = SyncResult(connection.name, window, row_counts, spent.request_count)
        last_data_day = max((row["day"] for row in pulled.versions if row["row_count"]), default=None)
        sync_log.succeed(
            settings, run_id, result.row_count, last_data_day, datetime.now(UTC), result.request_count
        )
        on_progress(f"{connection.name}: {result.row_count} rows, {result.request_count} requests")
        return result


def _pull(
    settings: Settings, provider: Provider, connection: ConnectionRow, window: Window, run_id: str
) -> tuple[dict[str, int], PulledDays]:
    source, pulled = build_source(
        provider,
        lambda: registry.credentials_of(settings, connection.name),
        window,
        connection.id,
        pull_id=run_id,
        tables=connection.readable_reports or None,
    )
    with fresh_pipeline(settings, f"{provider.name}_{connection.id}", f"raw_{provider.name}") as pipeline:
        pipeline.extract(source)
        normalized = pipeline.normalize()
        with warehouse(settings, f"load {connection.name}"):
            pipeline.load()
            pipeline.extract(pulled_days_source(pulled))
            pipeline.normalize()
            pipeline.load()
    counts = Counter(normalized.row_counts) if normalized else Counter()
    return {table: counts[table] for table in provider.tables}, pulled


def _import_call_logs(
    settings: Settings, provider: Provider, connection: ConnectionRow, on_progress: Tell
) -> None:
    """After the bill, which is complete without them."""
    if provider.call_logs is not None:
        done = import_new(settings, provider.call_logs, registry.credentials_of(settings, connection.name))
        if done.object_count:
            on_progress(f"{connection.name}: {done.line_count} calls from {done.object_count} log objects")


def _cause(error: BaseException) -> BaseException:
    """The error of ours, or else the first of all, under what dlt wrapped around it."""
    first, seen = error, error.__cause__ or error.__context__
    while seen is not None and not isinstance(first, ProviderError | MeterhouseError):
        first, seen = seen, seen.__cause__ or seen.__context__
    return first


def _explained(error: Exception, connection: ConnectionRow) -> tuple[Fault | None, str, str | None]:
    cause = _cause(error)
    if isinstance(cause, ProviderError):
        return cause.fault, cause.message, cause.next_step
    if isinstance(cause, MeterhouseError):
        return None, cause.message, cause.next_step
    return (
        None,
        f"The pull failed inside Meterhouse ({type(cause).__name__}).",
        f"Run `meterhouse sync {connection.name}` and read its log.",
    )
