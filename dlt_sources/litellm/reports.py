"""How LiteLLM's tables are fetched: numbered pages of one day at a time, added up against the day's totals.

What belongs here: LiteLLM's parameters, pages and nested breakdowns. What does not: its tables and fields
(`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import PAGE_CAP, HeaderAuth, Patience, build_client
from dlt_sources.litellm.spend_logs import closed_days, log_days
from dlt_sources.litellm.tables import COUNTS, DAILY_ACTIVITY, KEYS, TEAMS, WHO, listed_row
from dlt_sources.rows import RowShape

ACTIVITY_PATH = "/user/daily/activity"
ADMIN_PATH = "/global/spend"
ACTIVITY_PAGE_SIZE = 1_000
LIST_PAGE_SIZE = 100
_KEY_STEP = (
    "On the proxy create a user with the role proxy_admin_viewer, generate a virtual key for that user, and "
    "enter it here; the key of an ordinary user sees only that user's own spend."
)
API = Api(title="LiteLLM", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class LiteLLMCredentials(Credentials):
    """Credential form of a LiteLLM proxy."""

    base_url: BaseUrl = Field(
        title="API base URL",
        description="Where the proxy answers, for instance https://litellm.example.com or http://localhost:4000.",
    )
    api_key: ApiKey = Field(
        title="API key",
        description="Starts with sk-; of a user with the role proxy_admin_viewer or proxy_admin.",
    )
    request_logs: Literal["on", "off"] = Field(
        default="on",
        title="Request logs",
        description="Whether single requests are pulled too; off spares a proxy with millions of them.",
    )


@dataclass(frozen=True)
class LiteLLMReader:
    """Reads LiteLLM's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: LiteLLMCredentials) -> RESTClient:
        """Client signed with the virtual key."""
        key = credentials.api_key.get_secret_value()
        auth = HeaderAuth("Authorization", f"Bearer {key}")
        return build_client(API, credentials.base_url, auth, key, self.patience)

    def require_admin(self, credentials: LiteLLMCredentials) -> None:
        """Prove that the key sees everyone's spend; the activity of an ordinary key looks complete (§3.1).

        Raises:
            ProviderError: the key is not accepted, or is no proxy admin's.
        """
        self.client(credentials).get(ADMIN_PATH)

    def daily_activity(self, credentials: LiteLLMCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, each asked for alone: both bounds are inclusive (§3.4)."""
        client = self.client(credentials)
        for day in begun_days(window, self.clock()):
            parts = (part for page in _activity_pages(client, day) for part in page)
            yield from whole_days(
                [day], ((day, _activity_rows(part, day)) for part in parts), "daily_activity"
            )

    def spend_logs(self, credentials: LiteLLMCredentials, window: Window) -> Iterator[Day]:
        """Every closed day of the window that has single requests, if these are wanted."""
        if credentials.request_logs == "on":
            yield from log_days(self.client(credentials), closed_days(window.days, self.clock()))

    def keys(self, credentials: LiteLLMCredentials) -> Iterator[Row]:
        """Every virtual key."""
        params = {"return_full_object": "true", "size": LIST_PAGE_SIZE}
        return self._list(credentials, "/key/list", params, "current_page", KEYS)

    def teams(self, credentials: LiteLLMCredentials) -> Iterator[Row]:
        """Every team."""
        params = {"page_size": LIST_PAGE_SIZE}
        return self._list(credentials, "/v2/team/list", params, "page", TEAMS)

    def _list(
        self, credentials: LiteLLMCredentials, path: str, params: dict[str, Any], echo: str, shape: RowShape
    ) -> Iterator[Row]:
        client = self.client(credentials)
        for number in range(1, PAGE_CAP + 1):
            body = client.get(path, params=params | {"page": number}).json()
            items, page_count = body.get(shape.table), body.get("total_pages")
            if not isinstance(items, list) or not isinstance(page_count, int):
                raise broken_contract(f"A page of {path} lacks its list `{shape.table}` or `total_pages`.")
            _require_page(path, number, body.get(echo))
            for item in items:
                yield listed_row(shape, item)
            if number >= page_count:
                return
        raise _endless(path)


def _activity_pages(client: RESTClient, day: date) -> Iterator[list[Any]]:
    """`results` of every page of a day. A page is a number of the proxy's own rows, so days come in parts."""
    query = {
        "start_date": day.isoformat(),
        "end_date": day.isoformat(),
        "page_size": ACTIVITY_PAGE_SIZE,
    }
    before: list[Any] = []
    for number in range(1, PAGE_CAP + 1):
        body = client.get(ACTIVITY_PATH, params=query | {"page": number}).json()
        results, metadata = body.get("results"), body.get("metadata")
        has_more = metadata.get("has_more") if isinstance(metadata, dict) else None
        if not isinstance(results, list) or not isinstance(metadata, dict) or not isinstance(has_more, bool):
            raise broken_contract(f"A page of {ACTIVITY_PATH} lacks `results` or `metadata.has_more`.")
        _require_page(ACTIVITY_PATH, number, metadata.get("page"))
        if results and results == before:
            raise broken_contract(f"The pages of {ACTIVITY_PATH} repeat: page {number} is the one before.")
        yield results
        if not has_more:
            return
        before = results
    raise _endless(ACTIVITY_PATH)


def _activity_rows(part: Any, day: date) -> list[Row]:
    """Rows per model and key of one part of a day, and one more for what no model or key was named for."""
    said_day = str(_inner(part, "date"))[:10]
    if said_day != day.isoformat():
        raise broken_contract(f"The answer for `daily_activity` of {day} holds {said_day}, not asked for.")
    rows = [
        _activity_row(model, api_key, entry)
        for model, of_model in _inner(part, "breakdown", "models").items()
        for api_key, entry in _inner(of_model, "api_key_breakdown").items()
    ]
    unnamed = _unnamed_row(_inner(part, "metrics"), rows, day)
    return [*rows, unnamed] if unnamed else rows


def _activity_row(model: str, api_key: str, entry: Any) -> Row:
    metadata = entry.get("metadata") if isinstance(entry, dict) else None
    who = {name: metadata.get(name) for name in WHO} if isinstance(metadata, dict) else {}
    return DAILY_ACTIVITY.row({**_inner(entry, "metrics"), **who, "model": model, "api_key": api_key})


def _unnamed_row(metrics: dict[str, Any], rows: list[Row], day: date) -> Row | None:
    """The totals less all rows, when requests or tokens are left over; spend is summed as sent, exactly.

    Raises:
        ProviderError: the rows hold more than the totals.
    """
    totals = DAILY_ACTIVITY.row(metrics)
    rest = {name: _sum([totals], name) - _sum(rows, name) for name in ("spend", *COUNTS)}
    if any(rest[name] < 0 for name in COUNTS):
        raise broken_contract(f"The models and keys of `daily_activity` on {day} exceed the day's totals.")
    if not any(rest[name] for name in COUNTS):
        return None
    return DAILY_ACTIVITY.row({name: format(value, "f") for name, value in rest.items()})


def _sum(rows: list[Row], name: str) -> Decimal:
    return sum((Decimal(row[name] or 0) for row in rows), Decimal(0))


def _inner(item: Any, *names: str) -> Any:
    """The value under a path of names, each step an object."""
    for name in names:
        if not isinstance(item, dict) or name not in item:
            raise broken_contract(f"A part of `daily_activity` lacks `{'.'.join(names)}`.")
        item = item[name]
    if names[-1] != "date" and not isinstance(item, dict):
        raise broken_contract(f"In a part of `daily_activity`, `{'.'.join(names)}` is not an object.")
    return item


def _require_page(path: str, asked: int, given: Any) -> None:
    if given != asked:
        raise broken_contract(f"{path} answered page {given} when asked for page {asked}.")


def _endless(path: str) -> Exception:
    return broken_contract(f"The pages of {path} do not end: {PAGE_CAP} were read and more follow.")
