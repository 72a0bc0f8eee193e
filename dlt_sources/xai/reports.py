"""How xAI's tables are fetched: a time series of dollars per description, asked again in halves when cut short.

What belongs here: xAI's questions, the team behind a management key, and the guards around what the contract
page does not confirm. What does not: its tables and fields (`tables.py`), retrying and decoding
(`dlt_sources/http.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, day_of, in_parts, midnight, seen_today, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.cursors import listed
from dlt_sources.errors import Api, RequestRefusedError, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client
from dlt_sources.xai.tables import BALANCE, USAGE

TIME_FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S")
"""Both are seen; where the first is refused the second is tried (§5.8)."""
_KEY_STEP = (
    "On console.x.ai open Settings → Management keys, create a key that may read billing and enter it here; an "
    "inference key (xai-...) does not work."
)
API = Api(title="xAI", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class XaiCredentials(Credentials):
    """Credential form of an xAI team."""

    management_key: ApiKey = Field(
        title="Management key",
        description="From Settings → Management keys on console.x.ai; not an inference key.",
    )
    base_url: BaseUrl = Field(
        default="https://management-api.x.ai",
        validate_default=True,
        title="Base URL",
        description="Where the management API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class XaiReader:
    """Reads xAI's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: XaiCredentials) -> RESTClient:
        """Client signed with the management key."""
        return keyed_client(API, credentials.base_url, credentials.management_key, self.patience)

    def team_id(self, client: RESTClient) -> str:
        """Id of the team the management key belongs to.

        Raises:
            ProviderError: the key is not accepted, or no team is named.
        """
        body = client.get("/auth/management-keys/validation").json()
        team = body.get("teamId") or body.get("scopeId")
        if not isinstance(team, str):
            raise broken_contract("The answer of /auth/management-keys/validation names no team.")
        return team

    def usage(self, credentials: XaiCredentials, window: Window) -> Iterator[Day]:
        """Dollars of every begun day of the window per description.

        An answer that says it was cut short is asked for again in halves.

        Raises:
            ProviderError: even one day is cut short.
        """
        days = begun_days(window, self.clock())
        if not days:
            return
        client = self.client(credentials)
        path = f"/v1/billing/teams/{self.team_id(client)}/usage"

        def ask(part: list[date]) -> Iterable[Day] | None:
            body = _series(client, path, part)
            limited = body.get("limitReached", False)
            if limited is False:
                return list(whole_days(part, _points(body, path, part), USAGE.table))
            if limited is not True or len(part) == 1:
                raise broken_contract(
                    f"xAI cuts its answer for `{USAGE.table}` short on {part[0]} alone, which cannot be asked for in "
                    "smaller parts."
                )
            return None

        yield from in_parts(days, ask)

    def balance(self, credentials: XaiCredentials, window: Window) -> Iterator[Day]:
        """The team's prepaid balance, under today's day if the window holds it."""
        client = self.client(credentials)
        body = client.get(f"/v1/billing/teams/{self.team_id(client)}/prepaid/balance").json()
        row = BALANCE.row({"total": body.get("total")})
        if row["total_val"] is None:
            raise broken_contract(f"The answer for `{BALANCE.table}` lacks its `total.val`.")
        yield from seen_today(window, self.clock(), [row])


def _series(client: RESTClient, path: str, days: list[date]) -> dict[str, Any]:
    """The answer about consecutive days, in the first format of times that is accepted."""
    for form in TIME_FORMATS:
        question = {
            "timeRange": {
                "startTime": midnight(days[0]).strftime(form),
                "endTime": midnight(days[-1] + timedelta(days=1)).strftime(form),
                "timezone": "UTC",
            },
            "timeUnit": "TIME_UNIT_DAY",
            "values": [{"name": "usd", "aggregation": "AGGREGATION_SUM"}],
            "groupBy": ["description"],
            "filters": [],
        }
        try:
            body: dict[str, Any] = client.post(path, json={"analyticsRequest": question}).json()
        except RequestRefusedError:
            if form == TIME_FORMATS[-1]:
                raise
        else:
            break
    return body


def _points(body: dict[str, Any], path: str, days: list[date]) -> Iterator[tuple[date, list[Row]]]:
    """Every point of every series with its day; the end of the range, where a point may stand, is left out.

    Raises:
        ProviderError: a series is not of one description, or a point has not the one value that was asked for.
    """
    after = days[-1] + timedelta(days=1)
    for series in listed(body, "timeSeries", path):
        group = series.get("group") if isinstance(series, dict) else None
        if not isinstance(group, list) or len(group) != 1:
            raise broken_contract(f"A series of `{USAGE.table}` is not of one `description`, as asked for.")
        for point in listed(series, "dataPoints", path):
            values = point.get("values") if isinstance(point, dict) else None
            if not isinstance(values, list) or len(values) != 1:
                raise broken_contract(f"A point of `{USAGE.table}` has not the one value that was asked for.")
            row = USAGE.row({"timestamp": point.get("timestamp"), "description": group[0], "usd": values[0]})
            day = day_of(row["timestamp"], USAGE.table)
            if day != after:
                yield day, [row]
