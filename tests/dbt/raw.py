"""Raw tables as the loaders leave them, in a DuckDB file, and dbt run on it. No expectation belongs here."""

import hashlib
import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from dlt_sources.registry import PROVIDERS
from meterhouse.events.kinds import RecordKind
from meterhouse.events.schema import REJECT_SCHEMA, WAREHOUSE_SCHEMA
from meterhouse.settings import PROJECT_ROOT, Settings
from meterhouse.warehouse.dbt import idle_left_out

PROJECT = PROJECT_ROOT / "dbt_project"
SQL_TYPES = {
    "text": "varchar",
    "bigint": "bigint",
    "bool": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}
CONNECTIONS = {
    "c-openai": "openai",
    "c-anthropic": "anthropic",
    "c-openai-2": "openai",
    "c-aws_bedrock": "aws_bedrock",
    "c-azure_openai": "azure_openai",
    "c-google": "google",
    "c-openrouter": "openrouter",
    "c-litellm": "litellm",
    "c-cloudflare": "cloudflare",
    "c-deepseek": "deepseek",
    "c-piapi": "piapi",
    "c-cursor": "cursor",
    "c-github_copilot": "github_copilot",
    "c-databricks": "databricks",
    "c-file": "file",
    "c-snowflake": "snowflake",
    "c-vercel": "vercel",
    "c-fireworks": "fireworks",
    "c-elevenlabs": "elevenlabs",
    "c-xai": "xai",
    "c-mistral": "mistral",
    "c-deepgram": "deepgram",
    "c-together": "together",
}

_pulls = count(1)


@cache
def _manifest() -> Manifest:
    """The project as parsed once per process."""
    with TemporaryDirectory() as folder:
        parsed = dbtRunner().invoke(["parse", "--quiet", *_places(Path(folder))])
    assert parsed.success, parsed.exception
    return parsed.result


def _places(folder: Path) -> list[str]:
    project = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    return [*project, "--target-path", str(folder), "--log-path", str(folder)]


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    connection.execute("set timezone = 'UTC'")
    return connection


def rows(path: Path, sql: str) -> list[dict[str, Any]]:
    with connect(path) as connection:
        return connection.sql(sql).to_arrow_table().to_pylist()


def dbt(path: Path, *arguments: str) -> list[str]:
    """Runs dbt; names of the nodes that failed or warned, in order."""
    with mock.patch.dict(os.environ, METERHOUSE_WAREHOUSE_PATH=str(path)):
        runner = dbtRunner(manifest=_manifest())
        try:
            done = runner.invoke([*arguments, "--quiet", *_places(path.parent / "dbt")])
        finally:
            DuckDBConnectionManager.close_all_connections()
    assert done.exception is None, done.exception
    return [result.node.name for result in done.result.results if result.status in ("error", "fail", "warn")]


def build(path: Path) -> list[str]:
    """Builds the whole project as the product does; names of the nodes that failed or warned, in order."""
    return dbt(path, "build", *idle_left_out(path))


def create(
    path: Path, providers: tuple[str, ...] = ("openai", "anthropic"), empty_home: Path | None = None
) -> None:
    """Empty raw tables with the columns the sources declare; with a home, beside the empty marts of its warehouse."""
    if empty_home is not None:
        shutil.copyfile(Settings(home=empty_home).warehouse_path, path)
    with connect(path) as connection:
        for name in providers:
            provider = PROVIDERS[name]
            schema = f"raw_{name}"
            connection.execute(f"create schema {schema}")
            for report in provider.reports:
                own = ", ".join(
                    f'"{column}" {SQL_TYPES[hint["data_type"]]}' for column, hint in report.columns.items()
                )
                connection.execute(
                    f"create table {schema}.{report.name} (connection_id varchar, day date,"
                    f" content_hash varchar, row_id varchar, {own})"
                )
            for dimension in provider.dimensions:
                own = ", ".join(
                    f'"{column}" {SQL_TYPES[hint["data_type"]]}' for column, hint in dimension.columns.items()
                )
                connection.execute(
                    f"create table {schema}.{dimension.name} (connection_id varchar, observed_at timestamptz, {own})"
                )
            connection.execute(
                f"create table {schema}.pulled_days (connection_id varchar, report varchar, day date,"
                " content_hash varchar, row_count bigint, pull_id varchar, observed_at timestamptz)"
            )
        connection.execute("create schema if not exists raw_metering")
        events, rejects = WAREHOUSE_SCHEMA.empty_table(), REJECT_SCHEMA.empty_table()  # noqa: F841
        connection.execute("create or replace table raw_metering.events as from events")
        connection.execute("create or replace table raw_metering.rejected_events as from rejects")
        connection.execute("create schema if not exists raw_control")
        connection.execute(
            "create or replace table raw_control.connections (connection_id varchar, name varchar, provider varchar,"
            " account_id varchar, account_name varchar, status varchar, reason varchar, next_step varchar,"
            " last_data_at timestamptz, last_sync_at timestamptz, created_at timestamptz)"
        )


def add_connections(path: Path, *names: str) -> None:
    with connect(path) as connection:
        for name in names:
            connection.execute(
                "insert into raw_control.connections (connection_id, name, provider, status, created_at)"
                " values (?, ?, ?, 'connected', timestamptz '2026-09-01 00:00:00+00')",
                [name, f"name of {name}", CONNECTIONS[name]],
            )


def pull(
    path: Path,
    connection_id: str,
    report: str,
    day: date,
    content: list[dict],
    observed_at: datetime | None = None,
) -> None:
    """One day of one report as a pull finds it: content-addressed rows, then the pulled day."""
    provider, observed_at = CONNECTIONS[connection_id], observed_at or after(day)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    with connect(path) as connection:
        connection.begin()
        for ordinal, row in enumerate(content):
            row_id = hashlib.sha256(f"{connection_id}|{report}|{day}|{digest}|{ordinal}".encode()).hexdigest()
            full = {
                "connection_id": connection_id,
                "day": day,
                "content_hash": digest,
                "row_id": row_id,
                **row,
            }
            connection.execute(f"delete from raw_{provider}.{report} where row_id = ?", [row_id])
            connection.execute(
                f"insert into raw_{provider}.{report} ({', '.join(full)}) values ({', '.join('?' * len(full))})",
                list(full.values()),
            )
        connection.execute(
            f"insert into raw_{provider}.pulled_days values (?, ?, ?, ?, ?, ?, ?)",
            [
                connection_id,
                report,
                day,
                digest,
                len(content),
                f"pull-{observed_at.astimezone(UTC):%Y%m%d%H%M%S%f}-{next(_pulls):06d}",
                observed_at,
            ],
        )
        connection.commit()


def after(day: date, hours: int = 30) -> datetime:
    """A moment after the day's start; by default six hours after its end."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hours)


def load_events(path: Path, events: list[dict], load: int) -> None:
    """Event rows of one load, as `raw_metering.events` takes them."""
    _append(path, "events", WAREHOUSE_SCHEMA, events, load)


def load_rejects(path: Path, rejects: list[dict], load: int) -> None:
    _append(path, "rejected_events", REJECT_SCHEMA, rejects, load)


def load_kind(path: Path, kind: RecordKind, records: list[dict], load: int) -> None:
    """Rows of outcomes or prompts of one load."""
    with connect(path) as connection:
        empty = kind.warehouse_schema.empty_table()  # noqa: F841
        connection.execute(f"create table if not exists raw_metering.{kind.name} as from empty")
    _append(path, kind.name, kind.warehouse_schema, records, load)


def _append(path: Path, table: str, schema: pa.Schema, content: list[dict], load: int) -> None:
    stamp = {
        "load_id": f"load-{load:04d}",
        "loaded_at": datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=load),
    }
    batch = pa.Table.from_pylist([{**row, **stamp} for row in content], schema=schema)  # noqa: F841
    with connect(path) as connection:
        connection.execute(f"insert into raw_metering.{table} by name from batch")
