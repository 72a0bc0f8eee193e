"""OpenRouter: the credits an account draws per day, model and endpoint, and the tokens behind them.

Data flow: openrouter.ai `/api/v1/{activity,credits,keys,workspaces}` → `raw_openrouter.{activity,credits,keys,
workspaces}`. Secret: a management key. Runs alone: `python -m dlt_sources.openrouter --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.openrouter.reports import OpenRouterCredentials, OpenRouterReader
from dlt_sources.openrouter.tables import ACTIVITY, CREDITS, KEYS, WORKSPACES
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """OpenRouter as a provider, reading with the given clock and patience."""
    reader = OpenRouterReader(clock, patience or Patience())
    reports = (
        Report(
            ACTIVITY.table,
            "Credits drawn and tokens per day, model, endpoint and workspace.",
            ACTIVITY.columns,
            reader.activity,
        ),
        Report(
            CREDITS.table,
            "Credits bought and drawn since the account began, as they stood when a day was last seen.",
            CREDITS.columns,
            reader.credits,
        ),
    )
    dimensions = (
        Dimension(KEYS.table, "API keys of all workspaces.", KEYS.columns, "hash", reader.keys),
        Dimension(
            WORKSPACES.table, "Workspaces of the account.", WORKSPACES.columns, "id", reader.workspaces
        ),
    )

    def check(credentials: OpenRouterCredentials) -> Rights:
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="openrouter",
        title="OpenRouter",
        credentials=OpenRouterCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=30),
        freshness=timedelta(days=3),
        interval=timedelta(hours=6),
    )


provider = build_provider()
