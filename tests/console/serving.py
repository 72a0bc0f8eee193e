"""The console as its users meet it: served on loopback, and a visitor who fills in its forms."""

import contextlib
import html
import re
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import httpx
import uvicorn
import yaml

from meterhouse.console.app import build_app
from meterhouse.settings import Settings
from tests.gateway.endpoint import free_port, wait_until

MARTS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"


@contextlib.contextmanager
def served(settings: Settings, asks_log_in: bool = False, port: int | None = None) -> Iterator[str]:
    """The console in a thread of this process; its address."""
    port = port or free_port()
    app = build_app(settings, asks_log_in)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Visitor(httpx.Client):
    """Someone with a browser and no scripts: keeps cookies, follows redirects, sends forms with their token."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, follow_redirects=True, timeout=120)

    def send_form(self, path: str, shown_on: str, **fields: str) -> httpx.Response:
        """Send a form of the page it is shown on."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(shown_on).text)
        assert token, f"{shown_on} has no form"
        return self.post(
            path, data={"csrf": token[1], **fields}, headers={"referer": f"{self.base_url}{shown_on}"}
        )

    def log_in(self, name: str, password: str) -> httpx.Response:
        return self.send_form("/log-in", "/log-in", name=name, password=password)


def words(answer: httpx.Response) -> str:
    """What the page says, without its tags."""
    text = re.sub(r"<(script|style).*?</\1>", " ", answer.text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def make_marts(connection: duckdb.DuckDBPyConnection) -> None:
    """Every mart as its contract declares it, empty."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("create schema marts")
    for model in (
        model for path in MARTS.glob("*.yml") for model in yaml.safe_load(path.read_text()).get("models", [])
    ):
        columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in model["columns"])
        connection.execute(f'create table marts."{model["name"]}" ({columns})')


def publish(settings: Settings, rows: dict[str, list[dict]]) -> None:
    """A published file with every mart as its contract declares it, and these rows."""
    settings.published_path.parent.mkdir(parents=True, exist_ok=True)
    settings.published_path.unlink(missing_ok=True)
    with duckdb.connect(settings.published_path) as file:
        make_marts(file)
        for table, found in rows.items():
            for row in found:
                names = ", ".join(f'"{name}"' for name in row)
                file.execute(
                    f"insert into marts.{table} ({names}) values ({', '.join('?' * len(row))})",
                    list(row.values()),
                )


def daily_spend(
    day: date, connection_id: str, name: str, provider: str, billed: str | None, estimated: str | None = None
) -> dict:
    """A row of rpt_daily_spend."""
    return {
        "daily_spend_id": f"{day}{connection_id}",
        "spend_date": day,
        "connection_id": connection_id,
        "connection_name": name,
        "provider": provider,
        "billed_cost_usd": billed,
        "estimated_usd": estimated,
        "transaction_count": 0,
    }
