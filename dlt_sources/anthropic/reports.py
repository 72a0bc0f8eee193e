"""How Anthropic's tables are fetched: day buckets for reports, cursor lists for names.

What belongs here: Anthropic's parameters and time forms. What does not: its tables and fields (`tables.py`),
retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.anthropic.analytics import BETA, COST, USAGE, AnalyticsTable, analytics_days, open_days
from dlt_sources.anthropic.claude_code import claude_code_days
from dlt_sources.anthropic.tables import API_KEYS, COST_REPORT, WORKSPACES, BucketTable, billed
from dlt_sources.buckets import Clock, begun_days, bucket_day, midnight, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, StrictCursorPaginator, build_client, read_items

API_VERSION = "2023-06-01"
BUCKETS_PER_PAGE = 31
_ADMIN_KEY_STEP = (
    "As an organization admin, open Settings → Admin keys on platform.claude.com, create an Admin key "
    "(sk-ant-admin01-...) and enter it here; an ordinary API key (sk-ant-api03-...) may not read usage and "
    "cost, and individual accounts have no Admin keys."
)
API = Api(title="Anthropic", credentials_step=_ADMIN_KEY_STEP, permission_step=_ADMIN_KEY_STEP)


class AnthropicCredentials(Credentials):
    """Credential form of an Anthropic organization."""

    admin_key: ApiKey = Field(
        title="Admin key",
        description="Starts with sk-ant-admin01-; from Settings → Admin keys.",
    )
    cost_api: Literal["legacy", "analytics"] = Field(
        default="legacy",
        title="Cost API",
        description="analytics is Anthropic's newer API (beta): cost per API key, final after 30 days.",
    )
    usage_api: Literal["legacy", "analytics"] = Field(
        default="legacy",
        title="Usage API",
        description="analytics is Anthropic's newer API (beta): usage per hour, with requests, final after 30 days.",
    )
    claude_code: Literal["off", "keep_emails", "drop_emails"] = Field(
        default="off",
        title="Claude Code report",
        description="Estimated cost by person: keep_emails to see who, drop_emails to leave e-mails out, off for none.",
    )
    base_url: BaseUrl = Field(
        default="https://api.anthropic.com",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class AnthropicReader:
    """Reads Anthropic's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: AnthropicCredentials, beta: str | None = None) -> RESTClient:
        """Client signed with the Admin key, asking for a beta if one is named."""
        key = credentials.admin_key.get_secret_value()
        auth = HeaderAuth("x-api-key", key)
        headers = {"anthropic-version": API_VERSION} | ({"anthropic-beta": beta} if beta else {})
        return build_client(API, credentials.base_url, auth, key, self.patience, headers)

    def days(self, table: BucketTable, credentials: AnthropicCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, asked for up to the next midnight (§2.2: bounds snap to days)."""
        asked = begun_days(window, self.clock())
        if not asked:
            return
        is_cost = table is COST_REPORT
        if (credentials.cost_api if is_cost else credentials.usage_api) == "analytics":
            yield from self._analytics(COST if is_cost else USAGE, credentials, asked)
            return
        query = {
            "starting_at": _rfc3339(asked[0]),
            "ending_at": _rfc3339(asked[-1] + timedelta(days=1)),
            "bucket_width": "1d",
            "limit": BUCKETS_PER_PAGE,
            "group_by[]": list(table.grouping),
        }
        paginator = StrictCursorPaginator(cursor_path="next_page", cursor_param="page")
        items = read_items(self.client(credentials), table.path, query, paginator)
        yield from whole_days(asked, (_bucket(table, item) for item in items), table.shape.table)

    def claude_code(self, credentials: AnthropicCredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window, if the connection wants the report."""
        if credentials.claude_code != "off":
            days, keeps_emails = begun_days(window, self.clock()), credentials.claude_code == "keep_emails"
            yield from claude_code_days(self.client(credentials), days, keeps_emails)

    def workspaces(self, credentials: AnthropicCredentials) -> Iterator[Row]:
        """Every workspace, archived ones too; the default workspace is not among them."""
        for item in self._list(credentials, "/v1/organizations/workspaces", {"include_archived": "true"}):
            yield WORKSPACES.row(item)

    def api_keys(self, credentials: AnthropicCredentials) -> Iterator[Row]:
        """Every API key of the organization; newer answers name its workspace in `scope`, older ones flat."""
        for item in self._list(credentials, "/v1/organizations/api_keys", {}):
            row = API_KEYS.row(item)
            yield row | {"workspace_id": row["workspace_id"] or row["scope_workspace_id"]}

    def organization(self, credentials: AnthropicCredentials) -> tuple[str | None, str | None]:
        """Id and name of the organization the key belongs to."""
        account = self.client(credentials).get("/v1/organizations/me").json()
        return account.get("id"), account.get("name")

    def _analytics(
        self, table: AnalyticsTable, credentials: AnthropicCredentials, asked: list[date]
    ) -> Iterator[Day]:
        now = self.clock()
        named = frozenset(row["id"] for row in self.workspaces(credentials))
        days = open_days(asked, now.date())
        yield from analytics_days(self.client(credentials, BETA), table, days, named, now)

    def _list(
        self, credentials: AnthropicCredentials, path: str, params: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        paginator = StrictCursorPaginator(cursor_path="last_id", cursor_param="after_id")
        return read_items(self.client(credentials), path, params | {"limit": "1000"}, paginator)


def _bucket(table: BucketTable, item: dict[str, Any]) -> tuple[date, list[Row]]:
    results = item.get("results")
    try:
        start = datetime.fromisoformat(item.get("starting_at", ""))
    except (TypeError, ValueError):
        start = None
    if start is None or start.tzinfo is None or not isinstance(results, list):
        raise broken_contract(
            f"A bucket of `{table.shape.table}` lacks its `starting_at` or its list `results`."
        )
    rows = [table.shape.row(result) | {"grouped_by": ",".join(table.grouping)} for result in results]
    if table is COST_REPORT:
        rows = [billed(row) for row in rows]
    return bucket_day(start, table.shape.table), rows


def _rfc3339(day: date) -> str:
    return midnight(day).strftime("%Y-%m-%dT%H:%M:%SZ")
