"""A small Google account."""

from datetime import datetime

from sandbox.google.api import google_app
from sandbox.google.books import DETAILED_EXPORT, GoogleDesk, small_account
from sandbox.small import DAYS, Form, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk = GoogleDesk(small_account(first_day(now), DAYS, seed)[0])

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    def form(url: str) -> Form:
        key = desk.account.key_file(f"{url}/token")
        return {
            "table": DETAILED_EXPORT,
            "service_account_json": key,
            "bigquery_url": url,
            "monitoring_url": url,
        }

    def weak_form(url: str) -> Form:
        desk.roles.clear()
        return form(url)

    return SmallServer(google_app(desk), desk, form, weak_form, restate)
