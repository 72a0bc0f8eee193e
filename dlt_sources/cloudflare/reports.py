"""Cloudflare AI Gateway's form, table and how it is fetched: the logs of each gateway, day by day in pages.

Source: contract Cloudflare AI Gateway §5.12. Of a log only what is listed here is kept; its metadata, which may name
people, is not. What does not belong here: retrying and decoding (`dlt_sources/http.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import AfterValidator, Field

from dlt_sources.buckets import Clock, begun_days, midnight
from dlt_sources.contract import Credentials, Day, Row, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, build_client
from dlt_sources.pages import Page, read_numbered
from dlt_sources.rows import Kind, RowShape

PAGE_SIZE = 50
PAGE_CAP = 10_000
_EDGE = timedelta(seconds=1)
"""Days are asked for a second wider: whether the ends count is not documented."""
_KEY_STEP = (
    "In the Cloudflare dashboard open My Profile → API Tokens, create a token with the permission Account, AI "
    "Gateway, Read for this account, and enter it here; see that account id and gateway names are right."
)
API = Api(title="Cloudflare", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)

_T, _D, _N, _F = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.FLAG
LOGS = RowShape(
    "logs",
    {
        "id": _T,
        "gateway": _T,
        "created_at": _T,
        "provider": _T,
        "model": _T,
        "model_type": _T,
        "path": _T,
        "status_code": _N,
        "success": _F,
        "cached": _F,
        "cost": _D,
        "custom_cost": _T,
        "tokens_in": _N,
        "tokens_out": _N,
        "duration": _N,
        "step": _N,
    },
)


def _gateways(text: str) -> str:
    names = [name for name in re.split(r"[,\s]+", text) if name]
    if not names or not all(re.fullmatch(r"[\w-]+", name) for name in names):
        raise ValueError("a gateway's name has letters, digits, - and _; separate several by commas")
    return ",".join(dict.fromkeys(names))


class CloudflareCredentials(Credentials):
    """Credential form of the AI gateways of a Cloudflare account."""

    api_token: ApiKey = Field(
        title="API token", description="From My Profile → API Tokens, with Account, AI Gateway, Read."
    )
    account_id: str = Field(
        pattern=r"^[0-9a-f]{32}$",
        title="Account id",
        description="32 digits and letters a to f; on the overview page of the account.",
    )
    gateways: Annotated[str, AfterValidator(_gateways)] = Field(
        title="Gateways", description="Names of the gateways as their URLs have them, separated by commas."
    )
    base_url: BaseUrl = Field(
        default="https://api.cloudflare.com/client/v4",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class CloudflareReader:
    """Reads a Cloudflare account's gateways with a given clock and patience."""

    clock: Clock
    patience: Patience

    def logs(self, credentials: CloudflareCredentials, window: Window) -> Iterator[Day]:
        """Every begun day's requests of all gateways."""
        token = credentials.api_token.get_secret_value()
        auth = HeaderAuth("Authorization", f"Bearer {token}")
        client = build_client(API, credentials.base_url, auth, token, self.patience)
        paths = {
            gateway: f"/accounts/{credentials.account_id}/ai-gateway/gateways/{gateway}/logs"
            for gateway in credentials.gateways.split(",")
        }
        for day in begun_days(window, self.clock()):
            yield Day(day, [row for name, path in paths.items() for row in _rows(client, path, name, day)])


def _rows(client: RESTClient, path: str, gateway: str, day: date) -> Iterator[Row]:
    start, end = midnight(day), midnight(day + timedelta(days=1))
    query = {
        "per_page": PAGE_SIZE,
        "order_by": "created_at",
        "order_by_direction": "asc",
        "start_date": f"{start - _EDGE:%Y-%m-%dT%H:%M:%SZ}",
        "end_date": f"{end:%Y-%m-%dT%H:%M:%SZ}",
    }
    for item in read_numbered(client, path, query, _page, "id", PAGE_CAP):
        created_at = _instant(item.get("created_at"))
        if start <= created_at < end:
            kept = {name: item.get(name) for name in LOGS.fields}
            yield LOGS.row(kept | {"gateway": gateway})
        elif not start - _EDGE <= created_at <= end + _EDGE:
            raise broken_contract(
                f"The answer for `logs` of {day} holds {created_at.date()}, which was not asked for."
            )


def _page(body: dict[str, Any]) -> Page:
    result, info = body.get("result"), body.get("result_info")
    if body.get("success") is not True or not isinstance(result, list):
        raise broken_contract("A page of `logs` is no success, or lacks its list `result`.")
    return Page(result, info.get("total_count") if isinstance(info, dict) else None)


def _instant(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise broken_contract("A row of `logs` lacks its `created_at`.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
