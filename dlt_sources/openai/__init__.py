"""OpenAI: what an organization is billed, and the tokens and calls behind it.

Data flow: api.openai.com `/organization/{costs,usage/...,projects}` → `raw_openai.{costs,usage_completions,
usage_embeddings,usage_web_search_calls,projects,project_api_keys}`.
Secret: an Admin key with Usage: read. Runs alone: `python -m dlt_sources.openai --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.openai.reports import OpenAICredentials, OpenAIReader
from dlt_sources.openai.tables import BUCKET_TABLES, PROJECT_API_KEYS, PROJECTS
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """OpenAI as a provider, reading with the given clock and patience."""
    reader = OpenAIReader(clock, patience or Patience())
    reports = tuple(
        Report(table.shape.table, table.description, table.shape.columns, partial(reader.days, table))
        for table in BUCKET_TABLES
    )
    dimensions = (
        Dimension("projects", "Projects of the organization.", PROJECTS.columns, "id", reader.projects),
        Dimension(
            "project_api_keys",
            "API keys of each project.",
            PROJECT_API_KEYS.columns,
            "id",
            reader.project_api_keys,
        ),
    )

    def check(credentials: OpenAICredentials) -> Rights:
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        return Rights(account_id=credentials.organization_id, account_name=None, readable=readable)

    return Provider(
        name="openai",
        title="OpenAI",
        credentials=OpenAICredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=7),
        freshness=timedelta(days=3),
    )


provider = build_provider()
