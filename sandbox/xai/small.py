"""An small xAI account."""

from datetime import datetime

from sandbox.small import DAYS, SmallServer, first_day
from sandbox.xai.api import XaiDesk, xai_app, xai_books


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = XaiDesk(xai_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = xai_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        xai_app(desk),
        desk,
        lambda url: {"management_key": desk.keys.full, "base_url": url},
        lambda url: {"management_key": desk.keys.limited, "base_url": url},
        restate,
    )
