"""A small Cloudflare account with one AI gateway."""

from datetime import datetime

from sandbox.cloudflare.api import ACCOUNT_ID, CloudflareDesk, cloudflare_app, small_account
from sandbox.small import DAYS, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = CloudflareDesk(small_account(first_day(now), DAYS, seed)[0])

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    def form(url: str, account_id: str = ACCOUNT_ID) -> dict[str, str]:
        base_url = f"{url}/client/v4"
        gateway = desk.books.logs[0].gateway
        return {"api_token": desk.token, "account_id": account_id, "gateways": gateway, "base_url": base_url}

    return SmallServer(cloudflare_app(desk), desk, form, lambda url: form(url, "f" * 32), restate)
