"""A small Databricks account."""

from datetime import datetime

from sandbox.databricks.api import DatabricksKeys, databricks_app
from sandbox.databricks.books import DatabricksDesk, small_account
from sandbox.small import DAYS, Form, SmallServer, first_day


def small_server(now: datetime, seed: int) -> SmallServer:
    """The account and its server."""
    desk, keys = DatabricksDesk(small_account(first_day(now), DAYS, seed)[0]), DatabricksKeys()

    def restate() -> None:
        desk.books, _ = small_account(first_day(now), DAYS, seed + 1)

    def form(url: str) -> Form:
        return {"host": url, "warehouse_id": desk.warehouse_id, "access_token": keys.access_token}

    def weak_form(url: str) -> Form:
        desk.is_granted = False
        return form(url)

    return SmallServer(databricks_app(desk, keys), desk, form, weak_form, restate)
