"""LiteLLM: what a proxy estimates its traffic costs, per day, model and key. An estimate, never a bill.

Data flow: the proxy's `/user/daily/activity`, `/spend/logs/v2`, `/key/list`, `/v2/team/list` → `raw_litellm.
{daily_activity,spend_logs,keys,teams}`.
Secret: a key of a proxy admin (viewer). Runs alone: `python -m dlt_sources.litellm --help`.
"""

from datetime import date, timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Dimension, Fault, Provider, ProviderError, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.litellm.reports import LiteLLMCredentials, LiteLLMReader
from dlt_sources.litellm.tables import DAILY_ACTIVITY, KEYS, SPEND_LOGS, TEAMS
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
    logs = Report(
        SPEND_LOGS.table,
        "Single requests of closed days, with estimated spend, tokens, tags and end user; while the proxy keeps them.",
        SPEND_LOGS.columns,
        reader.spend_logs,
    )
    dimensions = (
        Dimension(KEYS.table, "Virtual keys, by the hash of the key.", KEYS.columns, "token", reader.keys),
        Dimension(TEAMS.table, "Teams of the proxy.", TEAMS.columns, "team_id", reader.teams),
    )

    def check(credentials: LiteLLMCredentials) -> Rights:
        reader.require_admin(credentials)
        readable = readable_tables(credentials, reports, dimensions, clock().date())
        if credentials.request_logs == "on" and _can_read(logs, credentials, clock().date()):
            readable = (*readable, logs.name)
        return Rights(account_id=credentials.base_url, account_name=None, readable=readable)

    return Provider(
        name="litellm",
        title="LiteLLM",
        credentials=LiteLLMCredentials,
        reports=(*reports, logs),
        dimensions=dimensions,
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
        interval=timedelta(hours=4),
    )


def _can_read(report: Report, credentials: LiteLLMCredentials, today: date) -> bool:
    """Whether a report that older proxies do not have, or have turned off, can be read."""
    try:
        readable_tables(credentials, (report,), (), today)
    except ProviderError as error:
        if error.fault not in (Fault.PERMISSION, Fault.CONTRACT):
            raise
        return False
    return True


provider = build_provider()
