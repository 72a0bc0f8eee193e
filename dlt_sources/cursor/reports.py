"""How Cursor's tables are fetched: posted questions, numbered pages, one UTC day at a time.

What belongs here: Cursor's parameters and pages, and which events are events of a day. What does not: its tables
and fields (`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator
from pydantic import Field
from requests import Response
from requests.auth import HTTPBasicAuth

from dlt_sources.buckets import Clock, begun_days, midnight, whole_days
from dlt_sources.contract import Credentials, Day, Fault, ProviderError, Row, Window
from dlt_sources.cursor.tables import MEMBER_SPEND, USAGE_EVENTS
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import PAGE_CAP, Patience, build_client

EVENTS_PATH = "/teams/filtered-usage-events"
SPEND_PATH = "/teams/spend"
PAGE_SIZE = 100
_KEY_STEP = (
    "On cursor.com open the team's dashboard → Settings → Admin API Keys as a team admin, create a key, and enter it "
    "here; the plan must be a team plan, and a user's own key may not read the team."
)
API = Api(title="Cursor", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class CursorCredentials(Credentials):
    """Credential form of a Cursor team."""

    admin_key: ApiKey = Field(
        title="Admin API key",
        description="From the team's dashboard → Settings → Admin API Keys; not a user's own key.",
    )
    user_emails: Literal["keep", "drop"] = Field(
        default="keep",
        title="User e-mails",
        description="keep to see who used what; drop to leave every member's e-mail out of the warehouse.",
    )
    base_url: BaseUrl = Field(
        default="https://api.cursor.com",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class CursorReader:
    """Reads Cursor's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: CursorCredentials) -> RESTClient:
        """Client signed with the admin key as a user name without a password (§5.1)."""
        key = credentials.admin_key.get_secret_value()
        return build_client(API, credentials.base_url, HTTPBasicAuth(key, ""), key, self.patience)

    def usage_events(self, credentials: CursorCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, each asked for alone and never beyond now, so that its pages stand still.

        Raises:
            ProviderError: the pages of a day hold another number of events than Cursor says there are.
        """
        client, now = self.client(credentials), self.clock()
        for day in begun_days(window, now):
            end = min(midnight(day) + timedelta(days=1), now)
            events = ((day, [row]) for row in _events(client, credentials, day, end))
            yield from whole_days([day], events, USAGE_EVENTS.table)

    def member_spend(self, credentials: CursorCredentials, window: Window) -> Iterator[Day]:
        """Each member's spend in the current cycle under today's day, if the window holds it."""
        today, cycle = self.clock().date(), "subscriptionCycleStart"
        client, question = self.client(credentials), {"pageSize": PAGE_SIZE}
        rows = [
            MEMBER_SPEND.row(_member(credentials, member) | {cycle: body.get(cycle)})
            for body in _pages(client, SPEND_PATH, question, "teamMemberSpend", "totalPages")
            for member in body["teamMemberSpend"]
        ]
        if today in window.days:
            yield Day(today, rows)


class NumberedPages(PageNumberPaginator):
    """dlt's page numbers in the question's body, failing closed.

    Every page holds its list, says whether more follow, and is another one than the page before.
    """

    def __init__(self, items: str, more_path: str, page_cap: int = PAGE_CAP) -> None:
        is_total = more_path == "totalPages"
        super().__init__(
            base_page=1,
            page_body_path="page",
            total_path=more_path if is_total else None,
            has_more_path=None if is_total else more_path,
            stop_after_empty_page=False,
        )
        self._items, self._page_cap = items, page_cap
        self._before: str | None = None

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Count on to the next page.

        Raises:
            ProviderError: no list or no word on what follows; the page before came again; too many pages.
        """
        path, body = (response.request.path_url or "").partition("?")[0], response.json()
        content = json.dumps(body.get(self._items), sort_keys=True)
        try:
            super().update_state(response, data)
        except ValueError:
            raise broken_contract(f"A page of {path} does not say whether more pages follow.") from None
        if not isinstance(body.get(self._items), list):
            raise broken_contract(f"A page of {path} lacks its list `{self._items}`.")
        if self._has_next_page and not body[self._items]:
            raise broken_contract(f"A page of {path} is empty but says that more follow.")
        if self._before == content:
            raise broken_contract(f"The pages of {path} repeat: one of them came twice.")
        if self._has_next_page and self.current_value > self._page_cap:
            raise broken_contract(
                f"The pages of {path} do not end: {self._page_cap} were read and more follow."
            )
        self._before = content


def _pages(
    client: RESTClient, path: str, question: dict[str, Any], items: str, more_path: str
) -> Iterator[dict[str, Any]]:
    """Bodies of all pages at `path`.

    Raises:
        ProviderError: a page could not be read, or the pages do not add up.
    """
    pages = client.paginate(
        path,
        method="POST",
        json=dict(question),
        paginator=NumberedPages(items, more_path),
        data_selector="$",
        hooks={"response": []},
    )
    for page in pages:
        yield page[0]


def _events(client: RESTClient, credentials: CursorCredentials, day: date, end: datetime) -> Iterator[Row]:
    """Events of a day up to `end`; whether that instant belongs to the answer is not documented."""
    start_ms, end_ms = _milliseconds(midnight(day)), _milliseconds(end)
    question = {"startDate": start_ms, "endDate": end_ms, "pageSize": PAGE_SIZE}
    count, totals = 0, set()
    for body in _pages(client, EVENTS_PATH, question, "usageEvents", "pagination.hasNextPage"):
        total = body.get("totalUsageEventsCount")
        if not isinstance(total, int):
            raise broken_contract(f"A page of {EVENTS_PATH} lacks its `totalUsageEventsCount`.")
        totals.add(total)
        for event in body["usageEvents"]:
            count += 1
            row = _event_row(credentials, event)
            if row["timestamp"] == end_ms:
                continue
            if not start_ms <= row["timestamp"] < end_ms:
                raise broken_contract(
                    f"The answer for `usage_events` of {day} holds an event of another time."
                )
            yield row
    if totals != {count}:
        said = " and then ".join(map(str, sorted(totals)))
        raise ProviderError(
            Fault.UNAVAILABLE,
            f"Cursor says that {day} has {said} usage events, but its pages held {count}.",
            "Events may have come in meanwhile; nothing of that day was recorded, and the next sync tries again.",
        )


def _event_row(credentials: CursorCredentials, event: Any) -> Row:
    """One event; without its time, or without knowing whether it is billed, it cannot be counted (§5.1).

    Raises:
        ProviderError: one of these is missing.
    """
    row = USAGE_EVENTS.row(event)
    for name in ("timestamp", "is_chargeable"):
        if row[name] is None:
            raise broken_contract(f"A row of `usage_events` lacks its `{name}`.")
    if row["is_chargeable"] and row["charged_cents"] is None:
        raise broken_contract("A chargeable row of `usage_events` lacks its `charged_cents`.")
    return row | ({"user_email": None} if credentials.user_emails == "drop" else {})


def _member(credentials: CursorCredentials, member: Any) -> dict[str, Any]:
    """A member without the name, and without the e-mail where that is not wanted."""
    if not isinstance(member, dict):
        raise broken_contract("A row of `member_spend` is not an object.")
    dropped = {"name", "userId", "profilePictureUrl"} | (
        {"email"} if credentials.user_emails == "drop" else set()
    )
    return {name: value for name, value in member.items() if name not in dropped}


def _milliseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
