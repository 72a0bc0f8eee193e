"""Together: what an organization is billed per day and line item, where Together has enabled its billing beta.

Data flow: api.together.ai `/v1/billing/usage` → `raw_together.usage`. Secret: an owner's or admin's API key.
Runs alone: `python -m dlt_sources.together --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables
from dlt_sources.together.reports import TogetherCredentials, TogetherReader
from dlt_sources.together.tables import USAGE


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Together as a provider, reading with the given clock and patience."""
    reader = TogetherReader(clock, patience or Patience())
    reports = (Report(USAGE.table, "Cost and quantity per day and line item.", USAGE.columns, reader.usage),)

    def check(credentials: TogetherCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=credentials.organization_id, account_name=None, readable=readable)

    return Provider(
        name="together",
        title="Together",
        credentials=TogetherCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
    )


provider = build_provider()
