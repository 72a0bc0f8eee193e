"""DeepSeek's form, table and how it is fetched: one answer with the balance in each currency.

Source: contract DeepSeek §5.13. What does not belong here: retrying and decoding (`dlt_sources/http.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from dlt_sources.buckets import Clock
from dlt_sources.contract import Credentials, Day, Window
from dlt_sources.errors import Api, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, build_client
from dlt_sources.rows import Kind, RowShape, require_currency

BALANCE_PATH = "/user/balance"
_KEY_STEP = "On platform.deepseek.com open API keys, create a key (sk-...), and enter it here."
API = Api(title="DeepSeek", credentials_step=_KEY_STEP, permission_step=_KEY_STEP)

BALANCES = RowShape(
    "balances",
    {
        "currency": Kind.TEXT,
        "total_balance": Kind.DECIMAL,
        "granted_balance": Kind.DECIMAL,
        "topped_up_balance": Kind.DECIMAL,
        "is_available": Kind.FLAG,
    },
)


class DeepSeekCredentials(Credentials):
    """Credential form of a DeepSeek account."""

    api_key: ApiKey = Field(
        title="API key", description="Starts with sk-; from platform.deepseek.com, API keys."
    )
    base_url: BaseUrl = Field(
        default="https://api.deepseek.com",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; change it only for a proxy.",
    )


@dataclass(frozen=True)
class DeepSeekReader:
    """Reads DeepSeek's balance with a given clock and patience."""

    clock: Clock
    patience: Patience

    def balances(self, credentials: DeepSeekCredentials, window: Window) -> Iterator[Day]:
        """The balance in each currency under today's day, if the window holds it."""
        key = credentials.api_key.get_secret_value()
        auth = HeaderAuth("Authorization", f"Bearer {key}")
        client = build_client(API, credentials.base_url, auth, key, self.patience)
        body = client.get(BALANCE_PATH).json()
        infos = body.get("balance_infos")
        if not isinstance(infos, list):
            raise broken_contract(f"The answer of {BALANCE_PATH} lacks its list `balance_infos`.")
        rows = [BALANCES.row(info) | {"is_available": body.get("is_available") is True} for info in infos]
        for row in rows:
            if row["total_balance"] is None:
                raise broken_contract("A row of `balances` lacks its `total_balance`.")
            require_currency(row, "total_balance", "currency", BALANCES.table)
        today = self.clock().date()
        if today in window.days:
            yield Day(today, rows)
