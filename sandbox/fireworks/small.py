"""A small Fireworks account."""

from datetime import datetime

from sandbox.fireworks.api import ACCOUNT, fireworks_app, fireworks_books
from sandbox.lines import LineDesk
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = LineDesk(fireworks_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = fireworks_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        fireworks_app(desk),
        desk,
        lambda url: {"api_key": desk.keys.full, "base_url": url, "account_id": ACCOUNT},
        lambda url: {"api_key": desk.keys.limited, "base_url": url, "account_id": ACCOUNT},
        restate,
    )
