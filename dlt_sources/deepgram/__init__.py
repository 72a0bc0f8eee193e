"""Deepgram: what projects are billed per day and line item, and the hours, tokens and characters behind it.

Data flow: api.deepgram.com `/v1/projects/{project}/{billing/breakdown,usage/breakdown,balances}` and
`/v1/projects` → `raw_deepgram.{billing_breakdown,usage_breakdown,balances,projects}`. Secret: an owner's or
admin's API key. Runs alone: `python -m dlt_sources.deepgram --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.deepgram.reports import DeepgramCredentials, DeepgramReader
from dlt_sources.deepgram.tables import BALANCES, BILLING_BREAKDOWN, PROJECTS, USAGE_BREAKDOWN
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Deepgram as a provider, reading with the given clock and patience."""
    reader = DeepgramReader(clock, patience or Patience())
    reports = (
        Report(
            BILLING_BREAKDOWN.table,
            "Dollars per day, project, line item and API key.",
            BILLING_BREAKDOWN.columns,
            reader.billing_breakdown,
        ),
        Report(
            USAGE_BREAKDOWN.table,
            "Hours, tokens, characters and requests per day, project and models.",
            USAGE_BREAKDOWN.columns,
            reader.usage_breakdown,
        ),
        Report(
            BALANCES.table,
            "Credit left per project, as it stood when a day was last seen.",
            BALANCES.columns,
            reader.balances,
        ),
    )
    dimensions = (
        Dimension(
            PROJECTS.table, "Projects the key may see.", PROJECTS.columns, "project_id", reader.projects
        ),
    )

    def check(credentials: DeepgramCredentials) -> Rights:
        projects = list(reader.projects(credentials))
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        first = min(projects, key=lambda project: str(project["project_id"]))
        return Rights(account_id=first["project_id"], account_name=first["name"], readable=readable)

    return Provider(
        name="deepgram",
        title="Deepgram",
        credentials=DeepgramCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
    )


provider = build_provider()
