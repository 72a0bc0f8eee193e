"""How OpenRouter's tables are fetched: all readable days in one answer, lists by offset.

What belongs here: OpenRouter's parameters and which days it can tell about. What does not: its tables and
fields (`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock
from dlt_sources.contract import Credentials, Day, Fault, ProviderError, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import PAGE_CAP, HeaderAuth, Patience, build_client
from dlt_sources.openrouter.tables import ACTIVITY, CREDITS, KEYS, WORKSPACES

READABLE_DAYS = 30
SETTLING = timedelta(minutes=30)
"""After midnight a day still grows for about this long (§4.5)."""
_KEY_STEP = (
    "On openrouter.ai open Settings → Management keys, create a management key (sk-or-v1-...), and enter it "
    "here; an ordinary API key may not read activity."
)
API = Api(title="OpenRouter", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class OpenRouterCredentials(Credentials):
    """Credential form of an OpenRouter account."""

    management_key: ApiKey = Field(
        title="Management key",
        description="Starts with sk-or-v1-; from Settings → Management keys, not an ordinary API key.",
    )
    base_url: BaseUrl = Field(
        default="https://openrouter.ai/api/v1",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class OpenRouterReader:
    """Reads OpenRouter's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: OpenRouterCredentials) -> RESTClient:
        """Client signed with the management key."""
        key = credentials.management_key.get_secret_value()
        auth = HeaderAuth("Authorization", f"Bearer {key}")
        return build_client(API, credentials.base_url, auth, key, self.patience)

    def activity(self, credentials: OpenRouterCredentials, window: Window) -> Iterator[Day]:
        """The window's days among the last 30 settled ones; today is not told, nor is anything older.

        The oldest of them may leave OpenRouter's window while it answers, so it counts only if it has rows.

        Raises:
            ProviderError: the whole window is older than OpenRouter tells.
        """
        today = (self.clock() - SETTLING).date()
        oldest = today - timedelta(days=READABLE_DAYS)
        if window.end <= oldest:
            raise ProviderError(
                Fault.CONTRACT,
                f"OpenRouter tells the last {READABLE_DAYS} days only, {oldest} being the first of them now.",
                "Ask for later days; what was pulled before stays as it is.",
            )
        rows = self._activity_by_day(credentials)
        for day in window.days:
            if oldest < day < today or (day == oldest and day in rows):
                yield Day(day, rows.get(day, []))

    def credits(self, credentials: OpenRouterCredentials, window: Window) -> Iterator[Day]:
        """The account's lifetime totals under today's day, if the window holds it."""
        data = self.client(credentials).get("/credits").json().get("data")
        today = self.clock().date()
        if today in window.days:
            yield Day(today, [CREDITS.row(data)])

    def workspaces(self, credentials: OpenRouterCredentials) -> Iterator[Row]:
        """Every workspace."""
        for item in _listed(self.client(credentials), "/workspaces", {"limit": 100}, WORKSPACES.table, "id"):
            yield WORKSPACES.row(item)

    def keys(self, credentials: OpenRouterCredentials) -> Iterator[Row]:
        """Every key of every workspace, disabled and expired ones too; unasked only the default one's come."""
        client = self.client(credentials)
        for workspace in self.workspaces(credentials):
            query = {
                "include_disabled": "true",
                "include_expired": "true",
                "workspace_id": workspace["id"],
            }
            for item in _listed(client, "/keys", query, KEYS.table, "hash"):
                yield KEYS.row(item)

    def _activity_by_day(self, credentials: OpenRouterCredentials) -> dict[date, list[Row]]:
        body = self.client(credentials).get("/activity", params={"group_by": "workspace"}).json()
        rows: dict[date, list[Row]] = {}
        for item in _data(body, "/activity"):
            row = ACTIVITY.row(item)
            rows.setdefault(_day(row["date"]), []).append(row)
        return rows


def _day(text: str | None) -> date:
    """The day in a date, behind which a time may stand (§4.2)."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        raise broken_contract("A row of `activity` lacks its `date`.") from None


def _listed(
    client: RESTClient, path: str, query: dict[str, Any], table: str, key: str
) -> Iterator[dict[str, Any]]:
    """Every element of a list read by offset until nothing comes.

    Raises:
        ProviderError: an element is no object with a key, or came before.
    """
    seen: set[str] = set()
    for _ in range(PAGE_CAP):
        items = _data(client.get(path, params=query | {"offset": len(seen)}).json(), path)
        if not items:
            return
        for item in items:
            name = item.get(key) if isinstance(item, dict) else None
            if not isinstance(name, str):
                raise broken_contract(f"A row of `{table}` lacks its `{key}`.")
            if name in seen:
                raise broken_contract(f"The pages of {path} go in a circle: a row came twice.")
            seen.add(name)
            yield item
    raise broken_contract(f"The pages of {path} do not end: {PAGE_CAP} were read and more follow.")


def _data(body: dict[str, Any], path: str) -> list[Any]:
    data = body.get("data")
    if not isinstance(data, list):
        raise broken_contract(f"The answer of {path} lacks its list `data`.")
    return data
