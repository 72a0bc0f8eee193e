"""Vercel AI Gateway: what a team pays per day and model, and the tokens behind it.

Data flow: ai-gateway.vercel.sh `/v1/{report,credits}` → `raw_vercel.{report,credits}`. Secret: an AI Gateway
key. Runs alone: `python -m dlt_sources.vercel --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables
from dlt_sources.vercel.reports import VercelCredentials, VercelReader
from dlt_sources.vercel.tables import CREDITS, REPORT


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Vercel AI Gateway as a provider, reading with the given clock and patience."""
    reader = VercelReader(clock, patience or Patience())
    reports = (
        Report(
            REPORT.table, "Cost, market cost and tokens per day and model.", REPORT.columns, reader.report
        ),
        Report(
            CREDITS.table,
            "Credits left, as they stood when a day was last seen.",
            CREDITS.columns,
            reader.credits,
        ),
    )

    def check(credentials: VercelCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="vercel",
        title="Vercel AI Gateway",
        credentials=VercelCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
        interval=timedelta(hours=6),
    )


provider = build_provider()
