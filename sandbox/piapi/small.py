"""A small PiAPI account."""

from datetime import datetime

from sandbox.piapi.api import PiAPIDesk, piapi_app
from sandbox.piapi.books import small_account
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = PiAPIDesk(small_account(first_day(now), DAYS, seed)[0])

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    return SmallServer(
        piapi_app(desk),
        desk,
        lambda url: {"api_key": desk.key, "environment": "custom", "base_url": url},
        None,
        restate,
    )
