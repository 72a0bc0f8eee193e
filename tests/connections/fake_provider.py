"""A provider for tests: a typed form, and a check that asks a real HTTP server on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from pydantic import Field, SecretStr

from dlt_sources.contract import Credentials, Dimension, Fault, Provider, ProviderError, Report, Rights

GOOD_KEY, OTHER_KEY, NEXT_KEY, PROJECT_KEY = (
    "fk-planted-4711",
    "fk-other-0815",
    "fk-next-2342",
    "fk-project-1",
)
SECRETS = (GOOD_KEY, OTHER_KEY, NEXT_KEY, PROJECT_KEY)
ACCOUNTS = {
    GOOD_KEY: {"id": "acc-1", "name": "First account"},
    NEXT_KEY: {"id": "acc-1", "name": "First account"},
    OTHER_KEY: {"id": "acc-2", "name": "Second account"},
}


class FakeCredentials(Credentials):
    admin_key: SecretStr = Field(title="Admin key", description="Starts with fk-.", min_length=4)
    base_url: str = Field(title="Base URL", description="Where the API answers.", pattern="^http://")
    region: str | None = Field(default=None, title="Region", description="Leave out for the default.")


def check(credentials: FakeCredentials) -> Rights:
    answer = requests.get(
        f"{credentials.base_url}/account",
        headers={"X-Key": credentials.admin_key.get_secret_value()},
        timeout=10,
    )
    if answer.status_code == 401:
        raise ProviderError(Fault.CREDENTIALS, "Fake does not accept the key.", "Copy the admin key again.")
    if answer.status_code == 403:
        raise ProviderError(
            Fault.PERMISSION,
            "Fake accepts the key, but it may not read usage.",
            "Use an admin key, not a project key.",
        )
    if answer.status_code == 503:
        raise ProviderError(Fault.UNAVAILABLE, "Fake is not available.", "Try again later.")
    account = answer.json()
    return Rights(account["id"], account["name"], ("costs", "usage"))


PROVIDER = Provider(
    name="fake",
    title="Fake",
    credentials=FakeCredentials,
    reports=tuple(
        Report(name, f"The {name}.", {}, lambda credentials, window: iter(())) for name in ("costs", "usage")
    ),
    dimensions=(Dimension("projects", "The projects.", {}, "id", lambda credentials: iter(())),),
    check=check,
    lookback=timedelta(days=3),
    freshness=timedelta(days=2),
    history=timedelta(days=30),
)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = self.headers["X-Key"]
        status = 200 if key in ACCOUNTS else 403 if key == PROJECT_KEY else 401
        status = 503 if self.server.is_down else status
        body = json.dumps(ACCOUNTS.get(key, {})).encode()
        self.server.asked.append(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


class FakeApi(ThreadingHTTPServer):
    """The provider's API; `asked` holds the paths that were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.is_down = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def running() -> Iterator[FakeApi]:
    with FakeApi() as api:
        thread = threading.Thread(target=api.serve_forever, daemon=True)
        thread.start()
        yield api
        api.shutdown()
        thread.join()
