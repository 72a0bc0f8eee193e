"""Databricks: DBUs that AI products used, at list price.

Data flow: SQL on `system.billing.usage` joined with `system.billing.list_prices`, by the statement API
`/api/2.0/sql/statements` of a workspace → `raw_databricks.usage`. Secret: a personal access token, or the OAuth secret
of a service principal. Runs alone: `python -m dlt_sources.databricks --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.databricks.credentials import DatabricksCredentials
from dlt_sources.databricks.reports import DatabricksReader
from dlt_sources.databricks.tables import USAGE
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Databricks as a provider, reading with the given clock and patience."""
    reader = DatabricksReader(clock, patience or Patience())
    reports = (
        Report(
            USAGE.table,
            "What AI products used, per record of use, with its list price.",
            USAGE.columns,
            reader.usage,
        ),
    )

    def check(credentials: DatabricksCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="databricks",
        title="Databricks",
        credentials=DatabricksCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=31),
        freshness=timedelta(days=3),
        interval=timedelta(hours=6),
    )


provider = build_provider()
