"""PiAPI: what each task of an account cost in points, and the balance it was drawn from.

Data flow: api.piapi.ai `/api/open/tasks/histories` (with `/api/v1/task/<id>` where a task is open) and
`/account/info` → `raw_piapi.{task_history,account}`. Secret: an API key. Runs alone:
`python -m dlt_sources.piapi --help`.
"""

from datetime import timedelta

from dlt_sources.buckets import Clock, utc_now
from dlt_sources.contract import Provider, Report, Rights
from dlt_sources.http import Patience
from dlt_sources.piapi.reports import PiAPICredentials, PiAPIReader
from dlt_sources.piapi.tables import ACCOUNT, TASK_HISTORY
from dlt_sources.rights import readable_tables


def build_provider(clock: Clock = utc_now, patience: Patience | None = None) -> Provider:
    """PiAPI as a provider, reading with the given clock and patience."""
    reader = PiAPIReader(clock, patience or Patience())
    reports = (
        Report(
            TASK_HISTORY.table,
            "Every task by the day it was created: its state, and the points it cost.",
            TASK_HISTORY.columns,
            reader.task_history,
        ),
        Report(
            ACCOUNT.table,
            "Balance in dollars and credit packs, as they stood when a day was last seen.",
            ACCOUNT.columns,
            reader.account,
        ),
    )

    def check(credentials: PiAPICredentials) -> Rights:
        readable = readable_tables(credentials, reports, (), clock().date())
        account = reader.account_of(credentials)
        account_id, name = account.get("id"), account.get("name")
        return Rights(
            account_id=None if account_id is None else str(account_id),
            account_name=name if isinstance(name, str) else None,
            readable=readable,
        )

    return Provider(
        name="piapi",
        title="PiAPI",
        credentials=PiAPICredentials,
        reports=reports,
        dimensions=(),
        check=check,
        lookback=timedelta(days=3),
        freshness=timedelta(days=3),
    )


provider = build_provider()
