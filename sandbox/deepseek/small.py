"""A small DeepSeek account."""

from datetime import datetime

from sandbox.deepseek.api import DeepSeekDesk, deepseek_app, small_account
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server; every key may read its balance."""
    desk = DeepSeekDesk(small_account(first_day(now), DAYS, seed)[0])

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    return SmallServer(
        deepseek_app(desk), desk, lambda url: {"api_key": desk.key, "base_url": url}, None, restate
    )
