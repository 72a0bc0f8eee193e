"""LiteLLM: what a proxy estimates its traffic costs, per day, model and key. An estimate, never a bill.

Data flow: the proxy's `/user/daily/activity`, `/key/list`, `/v2/team/list` → `raw_litellm.{daily_activity,
keys,teams}`. Secret: a key of a proxy admin (viewer). Runs alone: `python -m dlt_sources.litellm --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.litellm.reports import LiteLLMCredentials, LiteLLMReader
from dlt_sources.litellm.tables import DAILY_ACTIVITY, KEYS, TEAMS
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """LiteLLM as a provider, reading with the given clock and patience."""
    reader = LiteLLMReader(clock, patience or Patience())
    reports = (
        Report(
            DAILY_ACTIVITY.table,
            "Estimated spend, tokens and requests per day, model and key; parts of a day may share a key.",
            DAILY_ACTIVITY.columns,
            reader.daily_activity,
        ),
    )
    dimensions = (
        Dimension(KEYS.table, "Virtual keys, by the hash of the key.", KEYS.columns, "token", reader.keys),
        Dimension(TEAMS.table, "Teams of the proxy.", TEAMS.columns, "team_id", reader.teams),
    )

    def check(credentials: LiteLLMCredentials) -> Rights:
        reader.require_admin(credentials)
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        return Rights(account_id=credentials.base_url, account_name=None, readable=readable)

    return Provider(
        name="litellm",
        title="LiteLLM",
        credentials=LiteLLMCredentials,
        reports=reports,
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
    )


provider = build_provider()
