"""A small Deepgram account."""

from datetime import datetime

from sandbox.deepgram.api import deepgram_app, deepgram_books
from sandbox.lines import LineDesk
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = LineDesk(deepgram_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = deepgram_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        deepgram_app(desk),
        desk,
        lambda url: {"api_key": desk.keys.full, "base_url": url},
        lambda url: {"api_key": desk.keys.limited, "base_url": url},
        restate,
    )
