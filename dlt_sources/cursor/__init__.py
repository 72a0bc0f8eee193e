"""Cursor: every use of the editor's models in a team, what it is charged, and what each member spent.

Data flow: api.cursor.com `/teams/{filtered-usage-events,spend}` → `raw_cursor.{usage_events,member_spend}`.
Secret: a team admin key. Runs alone: `python -m dlt_sources.cursor --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.cursor.reports import CursorCredentials, CursorReader
from dlt_sources.cursor.tables import MEMBER_SPEND, USAGE_EVENTS
from dlt_sources.http import Patience
from dlt_sources.rights import readable_tables

UNHURRIED = Patience(tries=8, first_wait=4.0)
"""A team may ask 20 times a minute (§5.1), so a refusal is outlasted by waits that add up to minutes."""


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """Cursor as a provider, reading with the given clock and patience."""
    reader = CursorReader(clock, patience or UNHURRIED)
    reports = (
        Report(
            USAGE_EVENTS.table,
            "Every use of a model: its member, tokens, and what it is charged.",
            USAGE_EVENTS.columns,
            reader.usage_events,
        ),
        Report(
            MEMBER_SPEND.table,
            "What each member spent in the current subscription cycle, as it stood when a day was last seen.",
            MEMBER_SPEND.columns,
            reader.member_spend,
        ),
    )

    def check(credentials: CursorCredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        return Rights(account_id=None, account_name=None, readable=readable)

    return Provider(
        name="cursor",
        title="Cursor",
        credentials=CursorCredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
        interval=timedelta(hours=1),
    )


provider = build_provider()
