"""Mistral: what an organization's month stands at, seen day by day.

Data flow: console.mistral.ai `/api/admin/{spend-limit,usage}` → `raw_mistral.{spend,usage}`. Secret: an Admin API
key. Runs alone: `python -m dlt_sources.mistral --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.mistral.reports import MistralCredentials, MistralReader
from dlt_sources.mistral.tables import SPEND, USAGE
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Mistral as a provider, reading with the given clock and patience."""
    reader = MistralReader(clock, patience or Patience())
    reports = (
        Report(
            SPEND.table,
            "Money of the month so far per category, as it stood when a day was last seen.",
            SPEND.columns,
            reader.spend,
        ),
        Report(
            USAGE.table,
            "Counts and prices of the month so far per category, as they stood when a day was last seen.",
            USAGE.columns,
            reader.usage,
        ),
    )

    def check(credentials: MistralCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="mistral",
        title="Mistral",
        credentials=MistralCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=1),
        freshness=timedelta(days=3),
        history=timedelta(days=1),
    )


provider = build_provider()
