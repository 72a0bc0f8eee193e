"""How PiAPI's tables are fetched: the task history day by day, and single tasks whose cost it leaves open.

What belongs here: PiAPI's paths, wrappers, pages and states. What does not: its tables and fields (`tables.py`),
retrying and decoding (`dlt_sources/http.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field, model_validator

from dlt_sources.buckets import Clock, begun_days, midnight
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, NotFoundError, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import PAGE_CAP, HeaderAuth, Patience, build_client
from dlt_sources.pages import Page, read_numbered
from dlt_sources.piapi.tables import TASK_HISTORY, account_row, kept

PRODUCTION_URL = "https://api.piapi.ai"
HISTORY_PATH = "/api/open/tasks/histories"
ACCOUNT_PATH = "/account/info"
PAGE_SIZE = 100
_EDGE = timedelta(seconds=1)
"""Days are asked for in whole seconds, and a second wider: whether the ends count is not documented."""
_FINISHED = frozenset({"finished", "completed"})
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_KEY_STEP = (
    "On piapi.ai open Workspace → Key Management, copy an active API key of the account, and enter it here; the "
    "key of another environment needs `environment` custom and that environment's `base_url`."
)
API = Api(title="PiAPI", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class Environment(StrEnum):
    """Where an account lives."""

    PRODUCTION = "production"
    CUSTOM = "custom"


class PiAPICredentials(Credentials):
    """Credential form of a PiAPI account."""

    api_key: ApiKey = Field(
        title="API key", description="From piapi.ai, Workspace → Key Management; it is sent as x-api-key."
    )
    environment: Environment = Field(
        default=Environment.PRODUCTION,
        title="Environment",
        description="production, or custom for another host with the same account API (see base_url).",
    )
    base_url: BaseUrl | None = Field(
        default=None,
        title="Base URL",
        description="Where the API of a custom environment answers; leave it empty for production.",
    )

    @model_validator(mode="after")
    def _environment_has_its_url(self) -> Self:
        if (self.environment is Environment.CUSTOM) != (self.base_url is not None):
            raise ValueError("environment custom needs a base_url, and production takes none")
        return self

    @property
    def url(self) -> str:
        """Where the API answers."""
        return self.base_url or PRODUCTION_URL


@dataclass(frozen=True)
class PiAPIReader:
    """Reads PiAPI's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: PiAPICredentials) -> RESTClient:
        """Client signed with the key."""
        key = credentials.api_key.get_secret_value()
        auth = HeaderAuth("x-api-key", key)
        return build_client(API, credentials.url, auth, key, self.patience, status_field="code")

    def account_of(self, credentials: PiAPICredentials) -> dict[str, Any]:
        """The account as sent, the key echoed in it included: never to be kept whole."""
        body = self.client(credentials).get(ACCOUNT_PATH).json()
        account = _inner(body)
        if "equivalent_in_usd" not in account:
            raise broken_contract(f"The answer of {ACCOUNT_PATH} lacks `equivalent_in_usd`, the balance.")
        return account

    def account(self, credentials: PiAPICredentials, window: Window) -> Iterator[Day]:
        """The account's balance and credits under today's day, if the window holds it."""
        row, today = account_row(self.account_of(credentials)), self.clock().date()
        if today in window.days:
            yield Day(today, [row])

    def task_history(self, credentials: PiAPICredentials, window: Window) -> Iterator[Day]:
        """Every begun day's tasks, by when they were created; open and refunded ones with what the task says."""
        client, now = self.client(credentials), self.clock()
        for day in begun_days(window, now):
            yield Day(day, [_row(client, item) for item in _history(client, day, now)])


def _history(client: RESTClient, day: date, now: datetime) -> Iterator[dict[str, Any]]:
    start, end = midnight(day), midnight(day + timedelta(days=1))
    query = {
        "page_size": PAGE_SIZE,
        "start_time": int((start - _EDGE).timestamp()),
        "end_time": int(min(end, now).timestamp()),
    }
    for item in read_numbered(client, HISTORY_PATH, query, _page, "id", PAGE_CAP):
        created_at = _instant(item.get("created_at"))
        if start <= created_at < end:
            yield item
        elif not start - _EDGE <= created_at <= end + _EDGE:
            raise broken_contract(
                f"The answer for `task_history` of {day} holds {created_at.date()}, which was not asked for."
            )


def _row(client: RESTClient, item: dict[str, Any]) -> Row:
    """The row of a task; a task that PiAPI no longer has says nothing more."""
    detail = item.get("detail")
    said = item | {"detail": kept(TASK_HISTORY, detail if isinstance(detail, dict) else {}, "detail.")}
    row = TASK_HISTORY.row(said | {"task": None})
    if _is_settled(row):
        return row
    path = f"/api/v1/task/{row['task_id']}"
    try:
        task = _inner(client.get(path).json())
    except NotFoundError:
        return row
    return TASK_HISTORY.row(said | {"task": kept(TASK_HISTORY, task, "task.")})


def _is_settled(row: Row) -> bool:
    """Whether the history alone says what a task cost: it finished, or failed and cost nothing (§4)."""
    status = (row["status"] or "").lower()
    if row["task_id"] is None or not re.fullmatch(r"[\w-]+", row["task_id"]):
        return True
    return status in _FINISHED or (status == "failed" and Decimal(row["usage"] or 1) == 0)


def _page(body: dict[str, Any]) -> Page:
    inner = _inner(body)
    if not isinstance(inner.get("data"), list):
        raise broken_contract(f"A page of {HISTORY_PATH} lacks its list `data`.")
    return Page(inner["data"], inner.get("total"))


def _inner(body: dict[str, Any]) -> dict[str, Any]:
    """What an answer says, with or without the wrapper `code`, `data`, `message`, both of which are seen."""
    data = body.get("data")
    return data if isinstance(data, dict) else body


def _instant(text: Any) -> datetime:
    """The instant of a time with up to nine digits of a second."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise broken_contract("A row of `task_history` lacks its `created_at`.")
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.fromisoformat(f"{match[1]}{(match[2] or '')[:7]}{zone}").astimezone(UTC)
