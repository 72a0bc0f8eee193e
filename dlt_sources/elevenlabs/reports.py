"""How ElevenLabs' tables are fetched: a workspace is billed by cost or by credits, and only one analytics API answers.

What belongs here: ElevenLabs' questions, and which of its two APIs tells about a day. What does not: its tables
and fields (`tables.py`), retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import Field

from dlt_sources.buckets import Clock, begun_days, in_parts, midnight, seen_today, whole_days
from dlt_sources.contract import Credentials, Day, Fault, ProviderError, Row, Window
from dlt_sources.elevenlabs.tables import CREDIT_USAGE, SUBSCRIPTION, USAGE, cost_rows, credit_rows
from dlt_sources.errors import Api, RequestRefusedError
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import Patience, keyed_client

USAGE_PATH = "/v1/workspace/analytics/usage"
CREDIT_USAGE_PATH = "/v1/workspace/analytics/query/usage-by-product-over-time"
DAY_SECONDS = 86_400
_KEY_STEP = (
    "On elevenlabs.io open Developers → API keys, create a key of a workspace admin with the permissions "
    "Workspace analytics: read and User: read, and enter it here."
)
API = Api(title="ElevenLabs", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)
Told = Iterable[tuple[date, list[Row]]]


class ElevenLabsCredentials(Credentials):
    """Credential form of an ElevenLabs workspace."""

    api_key: ApiKey = Field(
        title="API key", description="Of a workspace admin, allowed to read workspace analytics and the user."
    )
    base_url: BaseUrl = Field(
        default="https://api.elevenlabs.io",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for data residency or a proxy.",
    )


@dataclass(frozen=True)
class _Question:
    """One of the two analytics APIs: where and what to ask, and how its answer is read."""

    path: str
    table: str
    body: dict[str, Any]
    read: Callable[[dict[str, Any]], Told]

    def ask(self, client: RESTClient, days: list[date]) -> Told:
        """What it tells about consecutive days.

        Raises:
            RequestRefusedError: these days are billed the other way, or the question is not accepted.
        """
        span = {
            "start_time": _milliseconds(days[0]),
            "end_time": _milliseconds(days[-1] + timedelta(days=1)),
            "interval_seconds": DAY_SECONDS,
            "filters": [],
        }
        return self.read(client.post(self.path, json=span | self.body).json())


COSTS = _Question(
    USAGE_PATH,
    USAGE.table,
    {"group_by": ["model", "product_type", "fiat_charge_type", "fiat_currency"]},
    cost_rows,
)
CREDITS = _Question(
    CREDIT_USAGE_PATH,
    CREDIT_USAGE.table,
    {"group_by": ["model", "product_type"], "time_zone": "UTC"},
    credit_rows,
)


@dataclass(frozen=True)
class ElevenLabsReader:
    """Reads ElevenLabs' tables with a given clock and patience."""

    clock: Clock
    patience: Patience

    def client(self, credentials: ElevenLabsCredentials) -> RESTClient:
        """Client signed with the key."""
        return keyed_client(API, credentials.base_url, credentials.api_key, self.patience, "xi-api-key", "")

    def usage(self, credentials: ElevenLabsCredentials, window: Window) -> Iterator[Day]:
        """Cost of every begun day of the window that is billed by cost; of the others nothing is said."""
        return self._told(credentials, window, COSTS, CREDITS)

    def credit_usage(self, credentials: ElevenLabsCredentials, window: Window) -> Iterator[Day]:
        """Credits used on every begun day of the window that is billed by credits; of the others nothing is said."""
        return self._told(credentials, window, CREDITS, COSTS)

    def subscription(self, credentials: ElevenLabsCredentials, window: Window) -> Iterator[Day]:
        """The workspace's plan, under today's day if the window holds it."""
        body = self.client(credentials).get("/v1/user/subscription").json()
        kept = {name: body.get(name) for name in SUBSCRIPTION.fields}
        yield from seen_today(window, self.clock(), [SUBSCRIPTION.row(kept)])

    def _told(
        self, credentials: ElevenLabsCredentials, window: Window, question: _Question, other: _Question
    ) -> Iterator[Day]:
        client = self.client(credentials)

        def ask(days: list[date]) -> Iterable[Day] | None:
            try:
                return list(whole_days(days, question.ask(client, days), question.table))
            except ProviderError as error:
                if not _is_refusal(error):
                    raise
                if _is_told(client, other, days):
                    return []
                if len(days) == 1 or error.fault is Fault.PERMISSION:
                    raise
                return None

        days = begun_days(window, self.clock())
        return in_parts(days, ask) if days else iter(())


def _is_told(client: RESTClient, question: _Question, days: list[date]) -> bool:
    try:
        question.ask(client, days)
    except ProviderError as error:
        if not _is_refusal(error):
            raise
        return False
    return True


def _is_refusal(error: ProviderError) -> bool:
    """Whether the days may be billed the other way; with which status that is said is not documented."""
    return isinstance(error, RequestRefusedError) or error.fault is Fault.PERMISSION


def _milliseconds(day: date) -> int:
    return int(midnight(day).timestamp()) * 1000
