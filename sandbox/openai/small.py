"""A small OpenAI account: the projects of a small world."""

from datetime import datetime
from decimal import Decimal

from sandbox.books import repriced
from sandbox.faults import Desk
from sandbox.openai.api import openai_app
from sandbox.openai.errors import OpenAIKeys
from sandbox.small import SmallServer, first_day, small_world


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = Desk(small_world(now, seed), "openai"), OpenAIKeys()

    def restate() -> None:
        desk.world = desk.world.restated("openai", first_day(now), repriced(Decimal(2)))

    return SmallServer(
        openai_app(desk, keys),
        desk,
        lambda url: {"admin_key": keys.admin, "base_url": f"{url}/v1"},
        lambda url: {"admin_key": keys.project, "base_url": f"{url}/v1"},
        restate,
    )
