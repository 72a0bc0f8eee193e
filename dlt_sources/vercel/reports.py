"""How Vercel AI Gateway's tables are fetched: one report of all days, since every query costs extra.

What belongs here: Vercel's parameters and credentials. What does not: its tables and fields (`tables.py`),
retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, day_of, seen_today, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.cursors import listed
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client
from dlt_sources.vercel.tables import CREDITS, REPORT

_KEY_STEP = (
    "On vercel.com open AI Gateway → API keys of the team, create a key and enter it here; custom reporting "
    "needs a Pro or Enterprise team."
)
API = Api(title="Vercel AI Gateway", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class VercelCredentials(Credentials):
    """Credential form of a Vercel team's AI Gateway."""

    api_key: ApiKey = Field(
        title="AI Gateway key",
        description="From AI Gateway → API keys of the team; the team is on the Pro or Enterprise plan.",
    )
    base_url: BaseUrl = Field(
        default="https://ai-gateway.vercel.sh",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class VercelReader:
    """Reads Vercel's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: VercelCredentials) -> RESTClient:
        """Client signed with the AI Gateway key."""
        return keyed_client(API, credentials.base_url, credentials.api_key, self.patience)

    def report(self, credentials: VercelCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window by model.

        Whether `end_date` is inclusive is not documented: one day more is asked for, up to today, and what
        that day says is left for its own turn.
        """
        days = begun_days(window, self.clock())
        if not days:
            return
        after = days[-1] + timedelta(days=1)
        query = {
            "start_date": days[0].isoformat(),
            "end_date": min(after, self.clock().date()).isoformat(),
            "date_part": "day",
            "group_by": "model",
        }
        body = self.client(credentials).get("/v1/report", params=query).json()
        lines = [_line(item) for item in listed(body, "results", "/v1/report")]
        asked = [(day, [row]) for day, row in lines if day != after]
        yield from whole_days(days, asked, REPORT.table)

    def credits(self, credentials: VercelCredentials, window: Window) -> Iterator[Day]:
        """What is left of the team's credits, under today's day if the window holds it."""
        row = CREDITS.row(self.client(credentials).get("/v1/credits").json())
        if row["balance"] is None:
            raise broken_contract("The answer of /v1/credits lacks its `balance`.")
        yield from seen_today(window, self.clock(), [row])


def _line(item: object) -> tuple[date, Row]:
    if not isinstance(item, dict):
        raise broken_contract(f"A row of `{REPORT.table}` is not an object.")
    row = REPORT.row({("reported_day" if name == "day" else name): value for name, value in item.items()})
    if row["total_cost"] is None:
        raise broken_contract(f"A row of `{REPORT.table}` lacks its `total_cost`.")
    return day_of(row["reported_day"], REPORT.table), row
