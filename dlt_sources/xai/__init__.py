"""xAI: what a team spends per day and billed item, and its prepaid balance.

Data flow: management-api.x.ai `/v1/billing/teams/{team}/{usage,prepaid/balance}` → `raw_xai.{usage,balance}`.
Secret: a management key. Runs alone: `python -m dlt_sources.xai --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables
from dlt_sources.xai.reports import XaiCredentials, XaiReader
from dlt_sources.xai.tables import BALANCE, USAGE


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Provider xAI, reading with the given clock and patience."""
    reader = XaiReader(clock, patience or Patience())
    reports = (
        Report(USAGE.table, "Dollars per day and billed item.", USAGE.columns, reader.usage),
        Report(
            BALANCE.table,
            "Prepaid balance, as it stood when a day was last seen.",
            BALANCE.columns,
            reader.balance,
        ),
    )

    def check(credentials: XaiCredentials) -> Rights:
        team = reader.team_id(reader.client(credentials))
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=team, account_name=None, readable=readable)

    return Provider(
        name="xai",
        title="xAI",
        credentials=XaiCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
    )


provider = build_provider()
