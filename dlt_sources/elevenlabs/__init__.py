"""ElevenLabs: what a workspace pays, or the credits it uses, per day, model and product.

Data flow: api.elevenlabs.io `/v1/workspace/analytics/…` and `/v1/user/subscription` →
`raw_elevenlabs.{usage,credit_usage,subscription}`. Secret: an API key of a workspace admin. Runs alone:
`python -m dlt_sources.elevenlabs --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.elevenlabs.reports import ElevenLabsCredentials, ElevenLabsReader
from dlt_sources.elevenlabs.tables import CREDIT_USAGE, SUBSCRIPTION, USAGE
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """ElevenLabs as a provider, reading with the given clock and patience."""
    reader = ElevenLabsReader(clock, patience or Patience())
    reports = (
        Report(
            USAGE.table,
            "Cost per day, model, product and charge type of a workspace billed by cost.",
            USAGE.columns,
            reader.usage,
        ),
        Report(
            CREDIT_USAGE.table,
            "Credits used per day, model and product of a workspace billed by credits.",
            CREDIT_USAGE.columns,
            reader.credit_usage,
        ),
        Report(
            SUBSCRIPTION.table,
            "The workspace's plan, as it stood when a day was last seen.",
            SUBSCRIPTION.columns,
            reader.subscription,
        ),
    )

    def check(credentials: ElevenLabsCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="elevenlabs",
        title="ElevenLabs",
        credentials=ElevenLabsCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=7),
        freshness=timedelta(days=3),
    )


provider = build_provider()
