"""A small Snowflake account."""

from datetime import datetime

from sandbox.small import DAYS, SmallServer, first_day
from sandbox.snowflake.api import SnowflakeKeys, snowflake_app
from sandbox.snowflake.books import SnowflakeDesk, small_account


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = SnowflakeDesk(small_account(first_day(now), DAYS, seed)[0]), SnowflakeKeys()

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    def form(url: str) -> dict[str, str]:
        return {
            "account": "myorg-my_account",
            "user": "METERHOUSE",
            "role": "METERHOUSE",
            "warehouse": "METERHOUSE",
            "access_token": keys.access_token,
            "base_url": url,
        }

    return SmallServer(snowflake_app(desk, keys), desk, form, None, restate)
