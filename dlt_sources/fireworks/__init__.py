"""Fireworks: rated cost per day and model, what each day sums to by billing category, and the tokens behind it.

Data flow: api.fireworks.ai `/v1/accounts/{account}/{usageCosts:query,billing/summary,billingUsage}` →
`raw_fireworks.{usage_costs,billing_summary,billing_usage}`. Secret: an administrator's API key. Runs alone:
`python -m dlt_sources.fireworks --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.fireworks.reports import FireworksCredentials, FireworksReader
from dlt_sources.fireworks.tables import BILLING_SUMMARY, BILLING_USAGE, USAGE_COSTS
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Fireworks as a provider, reading with the given clock and patience."""
    reader = FireworksReader(clock, patience or Patience())
    reports = (
        Report(USAGE_COSTS.table, "Rated cost per day and model.", USAGE_COSTS.columns, reader.usage_costs),
        Report(
            BILLING_SUMMARY.table,
            "Cost and quantity per day and billing category; the same money said another way.",
            BILLING_SUMMARY.columns,
            reader.billing_summary,
        ),
        Report(
            BILLING_USAGE.table,
            "Tokens and accelerator seconds per day and model.",
            BILLING_USAGE.columns,
            reader.billing_usage,
        ),
    )

    def check(credentials: FireworksCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=credentials.account_id, account_name=None, readable=readable)

    return Provider(
        name="fireworks",
        title="Fireworks",
        credentials=FireworksCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=5),
        freshness=timedelta(days=3),
        interval=timedelta(hours=6),
    )


provider = build_provider()
