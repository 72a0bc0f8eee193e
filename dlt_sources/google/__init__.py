"""Google: what a billing account is charged for Vertex AI and Gemini, and the tokens Cloud Monitoring counted.

Data flow: Cloud Billing export in BigQuery → `raw_google.costs`; Cloud Monitoring → `raw_google.token_metrics`.
Secret: the key file of a service account with the roles BigQuery Job User, BigQuery Data Viewer and, for tokens,
Monitoring Viewer. Runs alone: `python -m dlt_sources.google --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.google.monitoring import MonitoringReader
from dlt_sources.google.reader import ExportReader
from dlt_sources.google.tables import COSTS, TOKEN_METRICS
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Google as a provider, reading with the given clock and patience."""
    waits = patience or Patience()
    reports = (
        Report(
            COSTS.table,
            "What the billing export says about AI services: every charge, and every credit on it as a row of its own.",
            COSTS.columns,
            ExportReader(clock, waits).days,
        ),
        Report(
            TOKEN_METRICS.table,
            "Tokens that Vertex AI counted per hour, project and model, where projects are named.",
            TOKEN_METRICS.columns,
            MonitoringReader(clock, waits).days,
        ),
    )

    def check(form: GoogleCredentials) -> Rights:
        readable = readable_tables(form, reports, (), clock().date())
        return Rights(account_id=form.billing_account_id, account_name=None, readable=readable)

    return Provider(
        name="google",
        title="Google (Vertex AI and Gemini)",
        credentials=GoogleCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=4),
        freshness=timedelta(days=4),
        history=timedelta(days=62),
        interval=timedelta(hours=6),
    )


provider = build_provider()
