"""dbt: how the project is run against the warehouse.

One warm `dbtRunner` per process. What belongs here: arguments, environment, and turning dbt's result into one sentence
per fault. What does not: SQL (`dbt_project/`), and Dagster's own way of streaming the same build (`assets/`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.results import NodeStatus
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt_common.events.base_types import EventMsg
from filelock import FileLock

from dlt_sources.registry import PROVIDERS
from meterhouse.errors import MeterhouseError
from meterhouse.settings import PROJECT_ROOT, Settings, exported
from meterhouse.warehouse.lock import warehouse

PROJECT_DIR = PROJECT_ROOT / "dbt_project"
BUILD = ["build", "--exclude-resource-type", "unit_test"]
"""Seeds, models and the tests of data. Unit tests look at no data: they run with the tests of this project."""
FAILED = frozenset({NodeStatus.Error, NodeStatus.Fail, NodeStatus.RuntimeErr})


class BuildError(MeterhouseError):
    """Models or tests failed; the message names each with its reason."""


@dataclass(frozen=True)
class BuildResult:
    """What a build did: nodes by kind (model, test, seed)."""

    counts: dict[str, int]


def dbt_environment(settings: Settings) -> dict[str, str]:
    """Environment variables that the dbt profile reads."""
    return {
        "METERHOUSE_WAREHOUSE_PATH": str(settings.warehouse_path),
        "METERHOUSE_DBT_PROJECT": _project_fingerprint(),
    }


def _project_fingerprint() -> str:
    """Another one after every change of the project: what was built before it is then built anew."""
    return hashlib.sha256(
        b"\0".join(file.read_bytes() for file in _project_files() if file.is_file())
    ).hexdigest()[:16]


def target_path(settings: Settings) -> Path:
    """Where dbt keeps its parsed project from build to build, so that it parses only what changed."""
    return settings.home_path / "dbt" / "target"


def dbt_paths(settings: Settings) -> list[str]:
    """Arguments that keep dbt's own files inside the home."""
    return [
        "--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR),
        "--target-path", str(target_path(settings)), "--log-path", str(settings.home_path / "dbt" / "logs"),
    ]  # fmt: skip


def build(
    settings: Settings, is_full: bool = False, on_node: Callable[[str], None] | None = None
) -> BuildResult:
    """Seed, build and test every model.

    Args:
        settings: Where the installation lives.
        is_full: Rebuild incremental models from nothing.
        on_node: Told the name of each finished node, for progress.

    Raises:
        BuildError: A model or test failed; what was built before it stays, nothing is published.
        WarehouseBusyError: The warehouse stayed busy.
    """
    with warehouse(settings, "dbt build"):
        scope = ["--full-refresh"] if is_full else without_idle_providers(settings)
        if not is_full and not is_whole_build_due(settings):
            scope.append("--no-write-json")  # what dbt writes of the project is that of the last whole build
        outcome = _invoke(settings, [*BUILD, *scope], on_node)
    return _result(outcome)


def run_models(settings: Settings, selection: str) -> BuildResult:
    """Run the selected models, in dbt's own syntax, and no test.

    Raises:
        BuildError: A model failed.
        WarehouseBusyError: The warehouse stayed busy.
    """
    with warehouse(settings, "dbt run"):
        outcome = _invoke(settings, ["run", "--select", selection])
    return _result(outcome)


def _invoke(
    settings: Settings, command: list[str], on_node: Callable[[str], None] | None = None
) -> dbtRunnerResult:
    runner = dbtRunner(callbacks=[_progress(on_node)] if on_node else [])
    with exported(dbt_environment(settings)):
        try:
            return runner.invoke([*command, "--quiet", *dbt_paths(settings)])
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def without_idle_providers(settings: Settings) -> list[str]:
    """Arguments of a whole build that leave out the models of providers that nobody ever pulled, and the seeds.

    Those views are empty, and they and the seeds stay as the last whole build of this very project made them; tests
    that look at others too are run. The caller holds the warehouse.
    """
    if is_whole_build_due(settings) or not settings.warehouse_path.exists():
        return []
    return idle_left_out(settings.warehouse_path)


def idle_left_out(warehouse_path: Path) -> list[str]:
    """Arguments that leave out what stands in a warehouse: seeds, and views of providers that have no raw tables."""
    with duckdb.connect(warehouse_path, read_only=True) as connection:
        schemas = {
            name for (name,) in connection.execute("select schema_name from duckdb_schemas()").fetchall()
        }
        views = {name for (name,) in connection.execute("select view_name from duckdb_views()").fetchall()}
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'seeds'")
        seeds = {name for (name,) in tables.fetchall()}
    idle = [
        name
        for name in PROVIDERS
        if f"raw_{name}" not in schemas and any(view.startswith(f"stg_{name}__") for view in views)
    ]
    left_out = ["resource_type:seed"] if seeds >= {file.stem for file in _seed_files()} else []
    # Of all ways to name models, the one dbt finds them by in the least time.
    left_out += [f"file:{layer}_{name}__*" for name in idle for layer in ("stg", "int")]
    return ["--indirect-selection", "cautious", "--exclude", " ".join(left_out)] if left_out else []


def _progress(on_node: Callable[[str], None]) -> Callable[[EventMsg], None]:
    def callback(event: EventMsg) -> None:
        if event.info.name == "NodeFinished":
            on_node(event.data.node_info.node_name)

    return callback


def _result(outcome: dbtRunnerResult) -> BuildResult:
    results = getattr(outcome.result, "results", None)
    if results is None:
        raise BuildError(f"dbt could not start: {outcome.exception or outcome.result}")
    faults = [f"{r.node.name}: {_first_line(r.message)}" for r in results if r.status in FAILED]
    if faults:
        raise BuildError(f"{len(faults)} of {len(results)} dbt nodes failed:\n  " + "\n  ".join(faults))
    if not outcome.success:
        raise BuildError(f"dbt failed: {outcome.exception}")
    counts: dict[str, int] = {}
    for result in results:
        kind = str(result.node.resource_type)
        counts[kind] = counts.get(kind, 0) + 1
    return BuildResult(counts)


def _first_line(message: str | None) -> str:
    return " ".join((message or "no message").split())[:500]


def fresh_manifest(path: Path) -> Path:
    """The project's manifest at `path`, parsed anew when any file of the project is younger.

    Processes that ask at the same time take turns, so that none reads what another is still writing.

    Raises:
        BuildError: The project does not parse.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        return _parsed_if_stale(path)


def is_whole_build_due(settings: Settings) -> bool:
    """Whether no whole build was published since the project changed: a part alone would miss its neighbours."""
    return _is_older_than_the_project(settings.published_path)


def _is_older_than_the_project(path: Path) -> bool:
    made_at = path.stat().st_mtime if path.exists() else 0.0
    return made_at <= max(file.stat().st_mtime for file in _project_files())


def _project_files() -> list[Path]:
    parts = [PROJECT_DIR / name for name in ("dbt_project.yml", "models", "macros", "seeds", "tests")]
    return sorted(file for part in parts for file in (part.rglob("*") if part.is_dir() else [part]))


def _seed_files() -> list[Path]:
    return sorted((PROJECT_DIR / "seeds").glob("*.csv"))


def _parsed_if_stale(path: Path) -> Path:
    if _is_older_than_the_project(path):
        folders = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
        outputs = ["--target-path", str(path.parent), "--log-path", str(path.parent)]
        outcome = dbtRunner().invoke(["parse", "--quiet", *folders, *outputs])
        if not outcome.success:
            raise BuildError(f"The dbt project does not parse: {outcome.exception}")
    return path
