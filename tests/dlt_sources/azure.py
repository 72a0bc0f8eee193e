"""The sandbox's Azure on loopback, with answers given before the real one and every request kept."""

import json
import socket
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from dlt_sources import azure_openai
from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.contract import ProviderError, Window
from dlt_sources.http import Patience
from sandbox.azure_openai.api import azure_openai_app
from sandbox.azure_openai.books import (
    Account,
    AzureApp,
    AzureBooks,
    AzureDesk,
    CostLine,
    Deployment,
    TokenCount,
)

NOW = datetime(2026, 10, 20, 12, 30, 15, 250_000, tzinfo=UTC)
QUICK = Patience(tries=6, deadline=5.0, timeout=0.5, first_wait=0.01, longest_wait=0.02)
PROVIDER = azure_openai.build_provider(clock=lambda: NOW, patience=QUICK)
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
PLACE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/AI/providers/Microsoft.CognitiveServices/accounts"
PROD, DEV = f"{PLACE}/aoai-prod", f"{PLACE}/aoai-dev"
SECRET = "PLANTED~secret.0123456789"
TOKEN = "eyJPLANTED.token.0123456789"
QUERY, METRICS, LOGIN = "/query", "/providers/Microsoft.Insights/metrics", "/oauth2/v2.0/token"
DAY = date(2026, 10, 1)
INPUT, OUTPUT = "gpt 4o 0806 Inp glbl Tokens", "gpt 4o 0806 Outp glbl Tokens"


def line(cost, day=DAY, account=PROD, meter=INPUT, quantity="1", unit="1K", **more):
    return CostLine(day, account, meter, unit, Decimal(quantity), Decimal(cost), **more)


def count(total, metric="ProcessedPromptTokens", day=DAY, hour=0, account=PROD):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)
    return TokenCount(at, account, "chat", "gpt-4o", metric, total)


def books(*lines, counts=(), **more):
    return AzureBooks(
        accounts=(
            Account(PROD),
            Account(DEV, kind="AIServices"),
            Account(f"{PLACE}/ears", kind="SpeechServices"),
        ),
        deployments=(Deployment(PROD, "chat", "gpt-4o", "2024-08-06"),),
        lines=lines,
        counts=tuple(counts),
        **more,
    )


def page(link=None, rows=(), **properties):
    """One page of a cost query."""
    names = ("Cost", "UsageQuantity", "UsageDate", "ResourceId", "Meter", "Currency")
    columns = [{"name": name, "type": "x"} for name in names]
    return {"properties": {"nextLink": link, "columns": columns, "rows": list(rows)} | properties}


class Azure:
    """A server for `with`: `answers` by end of path come first, `desk` answers the rest."""

    def __init__(self):
        self.desk = AzureDesk(books(), app=AzureApp(client_secret=SECRET, token=TOKEN))
        self.answers = defaultdict(list)
        self.bodies = []
        self.sent_headers = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._app = azure_openai_app(self.desk)
        config = uvicorn.Config(self._answer, log_level="critical", lifespan="off", interface="asgi3")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()

    def asked(self, ending):
        """Queries asked of a path."""
        return [one for one in self.desk.requests if one.partition("?")[0].endswith(ending)]

    def credentials(self, **more):
        form = {
            "tenant_id": self.desk.app.tenant_id,
            "client_id": self.desk.app.client_id,
            "scope": SUBSCRIPTION,
        }
        urls = {"login_url": self.url, "management_url": self.url}
        return AzureCredentials(**{"client_secret": SECRET} | form | urls | more)

    def fetch(self, provider, table, days=3, start=DAY, **more):
        """What a table yields, without a warehouse."""
        credentials = self.credentials(**more)
        for dimension in provider.dimensions:
            if dimension.name == table:
                return list(dimension.fetch(credentials))
        report = next(report for report in provider.reports if report.name == table)
        return list(report.fetch(credentials, Window(start, start + timedelta(days=days))))

    def failure(self, table="costs", **more):
        """The error with which a table cannot be fetched."""
        with pytest.raises(ProviderError) as caught:
            self.fetch(PROVIDER, table, **more)
        return caught.value

    async def _answer(self, scope, receive, send):
        body = await Request(scope, receive).body()

        async def replay():
            return {"type": "http.request", "body": body, "more_body": False}

        if scope["path"].endswith(QUERY):
            self.bodies.append(json.loads(body))
        self.sent_headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        for ending, answers in self.answers.items():
            if answers and scope["path"].endswith(ending):
                self.desk.requests.append(scope["path"])
                given = answers.pop(0)
                response = Response(b"" if given.status == 204 else given.body, given.status, given.headers)
                await response(scope, replay, send)
                return
        await self._app(scope, replay, send)
