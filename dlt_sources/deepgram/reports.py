"""How Deepgram's tables are fetched: one day of one project per call.

What belongs here: Deepgram's paths, groupings and credentials. What does not: its tables and fields
(`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, seen_today
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.cursors import listed
from dlt_sources.deepgram.tables import BALANCES, BILLING_BREAKDOWN, PROJECTS, USAGE_BREAKDOWN
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client
from dlt_sources.rows import RowShape

COST_GROUPS = ("line_item", "accessor")
"""Not by tags: a request may carry several, and whether it then counts once is not documented."""
USAGE_GROUPS = ("models",)
_KEY_STEP = (
    "On console.deepgram.com create an API key with the role Owner or Admin in every project to be read (it needs "
    "project:read, billing:read and usage:read), and enter it here."
)
API = Api(title="Deepgram", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)


class DeepgramCredentials(Credentials):
    """Credential form of Deepgram projects."""

    api_key: ApiKey = Field(
        title="API key",
        description="With the role Owner or Admin; every project that it may see is read.",
    )
    base_url: BaseUrl = Field(
        default="https://api.deepgram.com",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class DeepgramReader:
    """Reads Deepgram's tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: DeepgramCredentials) -> RESTClient:
        """Client signed with the key."""
        return keyed_client(API, credentials.base_url, credentials.api_key, self.patience, prefix="Token ")

    def projects(self, credentials: DeepgramCredentials) -> Iterator[Row]:
        """Every project the key may see.

        Raises:
            ProviderError: there is none, so that nothing could ever be read.
        """
        projects = listed(self.client(credentials).get("/v1/projects").json(), "projects", "/v1/projects")
        if not projects:
            raise broken_contract("The Deepgram key sees no project.")
        for item in projects:
            row = PROJECTS.row(item)
            if not row["project_id"]:
                raise broken_contract("A row of `projects` lacks its `project_id`.")
            yield row

    def billing_breakdown(self, credentials: DeepgramCredentials, window: Window) -> Iterator[Day]:
        """Dollars of every begun day of the window by project, line item and API key."""
        for day in self._days(credentials, window, "billing", COST_GROUPS, BILLING_BREAKDOWN):
            if any(row["dollars"] is None for row in day.rows):
                raise broken_contract(f"A row of `{BILLING_BREAKDOWN.table}` lacks its `dollars`.")
            yield day

    def usage_breakdown(self, credentials: DeepgramCredentials, window: Window) -> Iterator[Day]:
        """Hours, tokens, characters and requests of every begun day of the window by project and models."""
        return self._days(credentials, window, "usage", USAGE_GROUPS, USAGE_BREAKDOWN)

    def balances(self, credentials: DeepgramCredentials, window: Window) -> Iterator[Day]:
        """What is left of the credit of every project, under today's day if the window holds it."""
        client = self.client(credentials)
        rows = []
        for project in self.projects(credentials):
            path = f"/v1/projects/{project['project_id']}/balances"
            items = listed(client.get(path).json(), "balances", path)
            rows += [_row(BALANCES, item, project["project_id"]) for item in items]
        yield from seen_today(window, self.clock(), rows)

    def _days(
        self,
        credentials: DeepgramCredentials,
        window: Window,
        what: str,
        groups: tuple[str, ...],
        shape: RowShape,
    ) -> Iterator[Day]:
        client = self.client(credentials)
        projects = [project["project_id"] for project in self.projects(credentials)]
        for day in begun_days(window, self.clock()):
            rows = []
            for project in projects:
                path = f"/v1/projects/{project}/{what}/breakdown"
                rows += [_row(shape, item, project) for item in _results(client, path, day, groups)]
            yield Day(day, rows)


def _results(client: RESTClient, path: str, day: date, groups: tuple[str, ...]) -> list[Any]:
    """Rows of one day.

    Raises:
        ProviderError: the answer is about other days, of which Deepgram warns nowhere.
    """
    query = {"start": day.isoformat(), "end": day.isoformat(), "grouping": list(groups)}
    body = client.get(path, params=query).json()
    said = (str(body.get("start"))[:10], str(body.get("end"))[:10])
    if said != (day.isoformat(), day.isoformat()):
        raise broken_contract(f"The answer of {path} for {day} is about {said[0]} to {said[1]}.")
    return listed(body, "results", path)


def _row(shape: RowShape, item: Any, project: str) -> Row:
    if not isinstance(item, dict):
        raise broken_contract(f"A row of `{shape.table}` is not an object.")
    return shape.row(item | {"project_id": project})
