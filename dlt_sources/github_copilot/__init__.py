"""GitHub Copilot: the AI credits and premium requests an organization or enterprise is billed, and its seats.

Data flow: api.github.com `/organizations/{org}/settings/billing/{ai_credit/usage,premium_request/usage,usage}` (or
`/enterprises/{enterprise}/…`) → `raw_github_copilot.{ai_credit_usage,premium_request_usage,product_usage}`.
Secret: a token that may read the bill. Runs alone: `python -m dlt_sources.github_copilot --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.github_copilot.credentials import GitHubCredentials
from dlt_sources.github_copilot.reports import GitHubReader
from dlt_sources.github_copilot.tables import TABLES
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """GitHub Copilot as a provider, reading with the given clock and patience."""
    reader = GitHubReader(clock, patience or Patience())
    reports = tuple(
        Report(table.shape.table, table.description, table.shape.columns, partial(reader.days, table))
        for table in TABLES
    )

    def check(credentials: GitHubCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        account = f"{credentials.account_kind}/{credentials.account.lower()}"
        return Rights(account_id=account, account_name=credentials.account, readable=readable)

    return Provider(
        name="github_copilot",
        title="GitHub Copilot",
        credentials=GitHubCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=5),
        freshness=timedelta(days=3),
        interval=timedelta(hours=6),
    )


provider = build_provider()
