"""A small Anthropic account: the workspaces of a small world."""

from datetime import datetime
from decimal import Decimal

from sandbox.anthropic.api import anthropic_app
from sandbox.anthropic.errors import AnthropicKeys
from sandbox.books import repriced
from sandbox.faults import Desk
from sandbox.small import SmallServer, first_day, small_world


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = Desk(small_world(now, seed), "anthropic"), AnthropicKeys()

    def restate() -> None:
        desk.world = desk.world.restated("anthropic", first_day(now), repriced(Decimal(2)))

    return SmallServer(
        anthropic_app(desk, keys),
        desk,
        lambda url: {"admin_key": keys.admin, "claude_code": "keep_emails", "base_url": url},
        None,
        restate,
    )
