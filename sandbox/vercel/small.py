"""A small Vercel AI Gateway account."""

from datetime import datetime

from sandbox.lines import LineDesk
from sandbox.small import DAYS, SmallServer, first_day
from sandbox.vercel.api import vercel_app, vercel_books


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = LineDesk(vercel_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = vercel_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        vercel_app(desk),
        desk,
        lambda url: {"api_key": desk.keys.full, "base_url": url},
        lambda url: {"api_key": desk.keys.limited, "base_url": url},
        restate,
    )
