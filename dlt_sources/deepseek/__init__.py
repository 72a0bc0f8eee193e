"""DeepSeek: the balance of an account, day by day. There is no bill in its API, so none is made of it.

Data flow: api.deepseek.com `/user/balance` → `raw_deepseek.balances`. Secret: an API key. Runs alone:
`python -m dlt_sources.deepseek --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.deepseek.reports import BALANCES, DeepSeekCredentials, DeepSeekReader
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """DeepSeek as a provider, reading with the given clock and patience."""
    reader = DeepSeekReader(clock, patience or Patience())
    reports = (
        Report(
            BALANCES.table,
            "Balance per currency, as it stood when a day was last seen.",
            BALANCES.columns,
            reader.balances,
        ),
    )

    def check(credentials: DeepSeekCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="deepseek",
        title="DeepSeek",
        credentials=DeepSeekCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=1),
        freshness=timedelta(days=3),
    )


provider = build_provider()
