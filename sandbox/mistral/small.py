"""A small Mistral account."""

from datetime import datetime

from sandbox.lines import LineDesk
from sandbox.mistral.api import mistral_app, mistral_books
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = LineDesk(mistral_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = mistral_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        mistral_app(desk),
        desk,
        lambda url: {"admin_key": desk.keys.full, "base_url": f"{url}/api/admin"},
        lambda url: {"admin_key": desk.keys.limited, "base_url": f"{url}/api/admin"},
        restate,
    )
