"""Anthropic: what an organization is billed, and the tokens behind it.

Data flow: api.anthropic.com `/v1/organizations/{cost_report,usage_report/{messages,claude_code},workspaces,api_keys}`,
or `…/analytics/{cost,usage}` for the first two, → `raw_anthropic.{cost_report,usage_report_messages,
usage_report_claude_code,workspaces,api_keys}`. Money is in cents.
Secret: an Admin key. Runs alone: `python -m dlt_sources.anthropic --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.anthropic.reports import AnthropicCredentials, AnthropicReader
from dlt_sources.anthropic.tables import API_KEYS, BUCKET_TABLES, CLAUDE_CODE, WORKSPACES
from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Anthropic as a provider, reading with the given clock and patience."""
    reader = AnthropicReader(clock, patience or Patience())
    reports = (
        *(
            Report(table.shape.table, table.description, table.shape.columns, partial(reader.days, table))
            for table in BUCKET_TABLES
        ),
        Report(
            CLAUDE_CODE.table,
            "Tokens and estimated cost of Claude Code per day, person or API key, and model; in no bill.",
            CLAUDE_CODE.columns,
            reader.claude_code,
        ),
    )
    dimensions = (
        Dimension(
            "workspaces", "Workspaces of the organization.", WORKSPACES.columns, "id", reader.workspaces
        ),
        Dimension("api_keys", "API keys of the organization.", API_KEYS.columns, "id", reader.api_keys),
    )

    def check(credentials: AnthropicCredentials) -> Rights:
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        account_id, account_name = reader.organization(credentials)
        return Rights(account_id=account_id, account_name=account_name, readable=readable)

    return Provider(
        name="anthropic",
        title="Anthropic",
        credentials=AnthropicCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=7),
        freshness=timedelta(days=3),
    )


provider = build_provider()
