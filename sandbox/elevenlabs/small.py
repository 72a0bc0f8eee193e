"""An small ElevenLabs account."""

from datetime import datetime

from sandbox.elevenlabs.api import ElevenLabsDesk, elevenlabs_app, elevenlabs_books
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = ElevenLabsDesk(elevenlabs_books(first_day(now), DAYS, seed))

    def restate() -> None:
        desk.books = elevenlabs_books(first_day(now), DAYS, seed + 1)

    return SmallServer(
        elevenlabs_app(desk),
        desk,
        lambda url: {"api_key": desk.keys.full, "base_url": url},
        lambda url: {"api_key": desk.keys.limited, "base_url": url},
        restate,
    )
