"""Snowflake Cortex: what AI services cost an account, and the tokens and credits of its AI functions.

Data flow: SQL on the shared database SNOWFLAKE (views of `ACCOUNT_USAGE`, and
`ORGANIZATION_USAGE.USAGE_IN_CURRENCY_DAILY`), by the SQL API `/api/v2/statements` →
`raw_snowflake.{cortex_ai_functions,cortex_aisql,cortex_functions,metering_daily,usage_in_currency}`.
Secret: a private key or a programmatic access token. Runs alone: `python -m dlt_sources.snowflake --help`.
"""

from datetime import timedelta
from functools import partial

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables
from dlt_sources.snowflake.credentials import SnowflakeCredentials
from dlt_sources.snowflake.reports import SnowflakeReader
from dlt_sources.snowflake.tables import VIEWS


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Snowflake as a provider, reading with the given clock and patience."""
    reader = SnowflakeReader(clock, patience or Patience())
    reports = tuple(
        Report(view.shape.table, view.description, view.shape.columns, partial(reader.days, view))
        for view in VIEWS
    )

    def check(credentials: SnowflakeCredentials) -> Rights:
        today = clock().date()
        readable = readable_tables(credentials, reports, (), today)
        reader.require_cortex(credentials, today - timedelta(days=1))
        return Rights(
            account_id=credentials.account.lower(), account_name=credentials.account, readable=readable
        )

    return Provider(
        name="snowflake",
        title="Snowflake",
        credentials=SnowflakeCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=31),
        freshness=timedelta(days=5),
        interval=timedelta(hours=6),
    )


provider = build_provider()
