"""A small GitHub account."""

from datetime import datetime

from sandbox.github_copilot.api import GitHubKeys, github_copilot_app
from sandbox.github_copilot.books import GitHubDesk, small_account
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = GitHubDesk(small_account(first_day(now), DAYS, seed)[0]), GitHubKeys()

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    form = {"account": desk.account}
    return SmallServer(
        github_copilot_app(desk, keys),
        desk,
        lambda url: form | {"token": keys.billing, "base_url": url},
        lambda url: form | {"token": keys.member, "base_url": url},
        restate,
    )
