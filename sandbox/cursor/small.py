"""A small Cursor account."""

from datetime import datetime

from sandbox.cursor.api import CursorKeys, cursor_app
from sandbox.cursor.books import CursorDesk, small_account
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = CursorDesk(small_account(first_day(now), DAYS, seed)[0]), CursorKeys()

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    return SmallServer(
        cursor_app(desk, keys),
        desk,
        lambda url: {"admin_key": keys.admin, "base_url": url},
        lambda url: {"admin_key": keys.user, "base_url": url},
        restate,
    )
