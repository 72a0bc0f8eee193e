"""A DuckDB file filled the way a sync fills it, and questions to it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dlt
import duckdb

from dlt_sources.anthropic.reports import AnthropicCredentials
from dlt_sources.contract import Provider, Window
from dlt_sources.openai.reports import OpenAICredentials
from dlt_sources.source import PulledDays, build_source, pulled_days_source
from tests.dlt_sources.fake_provider import ANTHROPIC_KEY, OPENAI_KEY, FakeProvider

CURRENT = """
    select r.* from raw_{p}.{report} r
    semi join (
        select * from raw_{p}.pulled_days where report = '{report}'
        qualify row_number() over (partition by connection_id, day order by observed_at desc) = 1
    ) v on r.connection_id = v.connection_id and r.day = v.day and r.content_hash = v.content_hash
"""


def credentials_for(provider: Provider, fake: FakeProvider, key: str | None = None):
    if not isinstance(fake, FakeProvider):
        return fake.credentials(key)
    if provider.name == "openai":
        return OpenAICredentials(admin_key=key or OPENAI_KEY, base_url=f"{fake.url}/v1")
    return AnthropicCredentials(admin_key=key or ANTHROPIC_KEY, base_url=fake.url)


class Warehouse:
    def __init__(self, folder: Path):
        self.path, self.folder, self.pulls = folder / "warehouse.duckdb", folder, 0

    def pull(
        self,
        provider: Provider,
        fake: FakeProvider,
        window: Window,
        connection_id="conn-1",
        key=None,
        tables=None,
        finish=True,
        credentials=None,
    ) -> PulledDays:
        """One pull, a minute after the one before: rows, then (unless cut short) the versions of its days."""
        self.pulls += 1
        observed_at = datetime(2026, 10, 20, 12, 0, tzinfo=UTC) + timedelta(minutes=self.pulls)
        source, pulled = build_source(
            provider,
            lambda: credentials or credentials_for(provider, fake, key),
            window,
            connection_id,
            observed_at=observed_at,
            tables=tables,
        )
        pipeline = dlt.pipeline(
            f"{provider.name}_test",
            pipelines_dir=str(self.folder / "dlt"),
            destination=dlt.destinations.duckdb(str(self.path)),
            dataset_name=f"raw_{provider.name}",
        )
        pipeline.abort_packages()
        steps = [source, pulled_days_source(pulled)] if finish else [source]
        for step in steps:
            pipeline.extract(step)
            pipeline.normalize()
            pipeline.load()
        return pulled

    def ask(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set timezone = 'UTC'")
            return connection.execute(sql).fetchall()

    def current(self, provider: str, report: str, select: str, then: str = "") -> list[tuple]:
        """Rows of the current version of every day."""
        return self.ask(f"select {select} from ({CURRENT.format(p=provider, report=report)}) {then}")

    def money(self, provider: str, report: str, column: str) -> Decimal:
        return self.current(provider, report, f"coalesce(sum(cast({column} as decimal(38, 18))), 0)")[0][0]


def fetch(
    provider: Provider, table: str, fake: FakeProvider, days: Window | None = None, key: str | None = None
) -> list:
    """What a report or dimension yields, without a warehouse."""
    credentials = credentials_for(provider, fake, key)
    for dimension in provider.dimensions:
        if dimension.name == table:
            return list(dimension.fetch(credentials))
    report = next(report for report in provider.reports if report.name == table)
    return list(report.fetch(credentials, days or window("2026-10-01", 3)))


def window(start: str, days: int) -> Window:
    first = date.fromisoformat(start)
    return Window(first, first + timedelta(days=days))
