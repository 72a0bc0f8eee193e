"""A small Together account."""

from datetime import datetime

from sandbox.small import DAYS, SmallServer, first_day
from sandbox.together.api import TogetherDesk, together_app, together_books


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = TogetherDesk(together_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = together_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        together_app(desk),
        desk,
        lambda url: {"api_key": desk.keys.full, "base_url": url},
        lambda url: {"api_key": desk.keys.limited, "base_url": url},
        restate,
    )
