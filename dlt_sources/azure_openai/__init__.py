"""Azure OpenAI: what a subscription is billed for AI services, and the tokens behind it.

Data flow: management.azure.com `{scope}/providers/Microsoft.CostManagement/query` (three views of the bill),
`{account}/providers/Microsoft.Insights/metrics`, and the lists of accounts and deployments →
`raw_azure_openai.{costs,charge_types,meter_units,token_metrics,accounts,deployments}`.
Secret: the client secret of an app registration with the roles Cost Management Reader and Monitoring Reader.
Runs alone: `python -m dlt_sources.azure_openai --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.azure_openai.costs import CostReader
from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.azure_openai.metrics import MetricsReader
from dlt_sources.azure_openai.resources import ResourceReader
from dlt_sources.azure_openai.tables import ACCOUNTS, COST_TABLES, DEPLOYMENTS, TOKEN_METRICS
from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Azure OpenAI as a provider, reading with the given clock and patience."""
    waits = patience or Patience()
    costs, metrics, resources = CostReader(clock, waits), MetricsReader(clock, waits), ResourceReader(waits)
    reports = (
        *(
            Report(table.shape.table, table.description, table.shape.columns, partial(costs.days, table))
            for table in COST_TABLES
        ),
        Report(
            TOKEN_METRICS.table,
            "Tokens and requests per hour, account, deployment and model.",
            TOKEN_METRICS.columns,
            metrics.days,
        ),
    )
    dimensions = (
        Dimension("accounts", "AI accounts of the scope.", ACCOUNTS.columns, "id", resources.accounts),
        Dimension(
            "deployments",
            "Deployments of the accounts, and the model of each.",
            DEPLOYMENTS.columns,
            "id",
            resources.deployments,
        ),
    )

    def check(credentials: AzureCredentials) -> Rights:
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        return Rights(account_id=credentials.scope, account_name=None, readable=readable)

    return Provider(
        name="azure_openai",
        title="Azure OpenAI",
        credentials=AzureCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=37),
        freshness=timedelta(days=5),
        interval=timedelta(hours=6),
    )


provider = build_provider()
