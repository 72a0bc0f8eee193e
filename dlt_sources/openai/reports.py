"""How OpenAI's tables are fetched: day buckets for reports, cursor lists for names.

What belongs here: OpenAI's parameters and time forms. What does not: its tables and fields (`tables.py`),
retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain, islice
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, bucket_day, midnight, whole_days
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, RequestRefusedError, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, StrictCursorPaginator, build_client, read_items
from dlt_sources.openai.tables import COSTS, PROJECT_API_KEYS, PROJECTS, BucketTable
from dlt_sources.rows import require_currency

_ADMIN_KEY_STEP = (
    "As an owner of the organization, open Organization settings → Admin keys on platform.openai.com, create "
    "an Admin key (sk-admin-...) with the permission Usage: read (api.usage.read), and enter it here; "
    "a project key (sk-proj-...) may not read usage."
)
API = Api(title="OpenAI", credentials_step=_ADMIN_KEY_STEP, permission_step=_ADMIN_KEY_STEP)


class OpenAICredentials(Credentials):
    """Credential form of an OpenAI organization."""

    admin_key: ApiKey = Field(
        title="Admin key",
        description="Starts with sk-admin-; from Organization settings → Admin keys, with Usage: read.",
    )
    organization_id: str | None = Field(
        default=None,
        pattern=r"^[\w-]+$",
        title="Organization id",
        description="Starts with org-; only needed when the key could see several organizations.",
    )
    base_url: BaseUrl = Field(
        default="https://api.openai.com/v1",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class OpenAIReader:
    """Reads OpenAI's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: OpenAICredentials) -> RESTClient:
        """Client signed with the Admin key."""
        key = credentials.admin_key.get_secret_value()
        organization = credentials.organization_id
        headers = {"OpenAI-Organization": organization} if organization else None
        auth = HeaderAuth("Authorization", f"Bearer {key}")
        return build_client(API, credentials.base_url, auth, key, self.patience, headers)

    def days(self, table: BucketTable, credentials: OpenAICredentials, window: Window) -> Iterator[Day]:
        """Every begun day of the window; never asked for beyond now, which has been seen to fail (§1.3)."""
        now = self.clock().replace(microsecond=0)
        asked = begun_days(window, now)
        if not asked:
            return
        query = {
            "start_time": int(midnight(asked[0]).timestamp()),
            "end_time": int(min(midnight(window.end), now).timestamp()),
            "bucket_width": "1d",
            "limit": table.buckets_per_page,
        }
        buckets = _first_accepted(self.client(credentials), table, query)
        yield from whole_days(asked, buckets, table.shape.table)

    def projects(self, credentials: OpenAICredentials) -> Iterator[Row]:
        """Every project, archived ones too."""
        for item in self._list(credentials, "/organization/projects", {"include_archived": "true"}):
            yield PROJECTS.row(item)

    def project_api_keys(self, credentials: OpenAICredentials) -> Iterator[Row]:
        """Every API key of every project that is not archived."""
        for project in self.projects(credentials):
            if project["status"] == "archived":
                continue
            for item in self._list(credentials, f"/organization/projects/{project['id']}/api_keys", {}):
                yield PROJECT_API_KEYS.row(item | {"project_id": project["id"]})

    def _list(
        self, credentials: OpenAICredentials, path: str, params: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        paginator = StrictCursorPaginator(cursor_path="last_id", cursor_param="after")
        return read_items(self.client(credentials), path, params | {"limit": "100"}, paginator)


def _first_accepted(
    client: RESTClient, table: BucketTable, query: dict[str, Any]
) -> Iterator[tuple[date, list[Row]]]:
    """All buckets in the first grouping that OpenAI does not refuse on its first page."""
    *finer, coarsest = table.groupings
    for grouping in finer:
        buckets = _buckets(client, table, query, grouping)
        try:
            first = list(islice(buckets, 1))
        except RequestRefusedError:
            continue
        return chain(first, buckets)
    return _buckets(client, table, query, coarsest)


def _buckets(
    client: RESTClient, table: BucketTable, query: dict[str, Any], grouping: tuple[str, ...]
) -> Iterator[tuple[date, list[Row]]]:
    paginator = StrictCursorPaginator(cursor_path="next_page", cursor_param="page")
    items = read_items(client, table.path, query | {"group_by[]": list(grouping)}, paginator)
    return (_bucket(table, item, ",".join(grouping)) for item in items)


def _bucket(table: BucketTable, item: dict[str, Any], grouped_by: str) -> tuple[date, list[Row]]:
    start, results = item.get("start_time"), item.get("results")
    if not isinstance(start, int) or not isinstance(results, list):
        raise broken_contract(
            f"A bucket of `{table.shape.table}` lacks its `start_time` or its list `results`."
        )
    rows = [table.shape.row(result) | {"grouped_by": grouped_by} for result in results]
    if table is COSTS:
        rows = [require_currency(row, "amount_value", "amount_currency", "costs") for row in rows]
    return bucket_day(datetime.fromtimestamp(start, UTC), table.shape.table), rows
