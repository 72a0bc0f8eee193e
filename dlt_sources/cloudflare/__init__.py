"""Cloudflare AI Gateway: every request through a gateway, and what Cloudflare estimates it cost. Never a bill.

Data flow: api.cloudflare.com `/accounts/<id>/ai-gateway/gateways/<name>/logs` → `raw_cloudflare.logs`. Secret: an API
token. Runs alone: `python -m dlt_sources.cloudflare --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.cloudflare.reports import LOGS, CloudflareCredentials, CloudflareReader
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Cloudflare AI Gateway as a provider, reading with the given clock and patience."""
    reader = CloudflareReader(clock, patience or Patience())
    reports = (
        Report(
            LOGS.table,
            "Requests through the gateways, with tokens and estimated cost.",
            LOGS.columns,
            reader.logs,
        ),
    )

    def check(credentials: CloudflareCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        account = f"{credentials.account_id} ({credentials.gateways})"
        return Rights(account_id=account, account_name=credentials.gateways, readable=readable)

    return Provider(
        name="cloudflare",
        title="Cloudflare AI Gateway",
        credentials=CloudflareCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=2),
        freshness=timedelta(days=3),
        interval=timedelta(hours=1),
    )


provider = build_provider()
