"""The whole sandbox in one server on loopback.

What belongs here: starting and ending it, and where everything is. What does not: any single API.
"""

import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from sandbox.anthropic.api import anthropic_app
from sandbox.anthropic.errors import AnthropicKeys
from sandbox.aws_bedrock.api import aws_bedrock_app
from sandbox.aws_bedrock.books import BedrockDesk
from sandbox.aws_bedrock.of_world import REGION_CODES, bedrock_books
from sandbox.azure_openai.api import azure_openai_app
from sandbox.azure_openai.books import AzureDesk
from sandbox.azure_openai.of_world import SUBSCRIPTION, azure_books
from sandbox.faults import Desk
from sandbox.google.api import google_app
from sandbox.google.books import DETAILED_EXPORT, GoogleDesk
from sandbox.google.of_world import google_books
from sandbox.ledger import build_ledger
from sandbox.litellm.api import LiteLLMDesk, LiteLLMKeys, litellm_app
from sandbox.litellm.of_world import litellm_books
from sandbox.openai.api import openai_app
from sandbox.openai.errors import OpenAIKeys
from sandbox.openrouter.api import OpenRouterDesk, OpenRouterKeys, openrouter_app
from sandbox.openrouter.of_world import openrouter_books
from sandbox.piapi.api import PiAPIDesk, piapi_app
from sandbox.piapi.of_world import piapi_books
from sandbox.services import ACCOUNTS, VERTEX
from sandbox.slack import BOT_TOKEN, WEBHOOK_PATH, SlackDesk, slack_app
from sandbox.world import World, build_world

HOST = "127.0.0.1"
STOP_SECONDS = 10


@dataclass(frozen=True)
class Access:
    """How to connect one account: its provider, and the values of that provider's form."""

    account: str
    provider: str
    values: dict[str, str]


class Sandbox:
    """A world and the servers that show it, alive between `with` and its end.

    Desks hold what a server works from, its faults and its requests: `openai`, `openai_europe` and `anthropic` show
    the world itself, the others the books made of it. `slack` holds what was sent to Slack. `world` and `ledger` are
    the truth as built; a restated desk has its own (`build_ledger`).
    """

    def __init__(
        self,
        days: int,
        seed: int,
        now: datetime,
        *,
        port: int = 0,
        accounts: Iterable[str] = ACCOUNTS,
        openai_keys: OpenAIKeys | None = None,
        anthropic_keys: AnthropicKeys | None = None,
    ) -> None:
        """Build the world; port 0 takes any free one."""
        self.world: World = build_world(days, seed, now, accounts)
        self.openai = Desk(self.world, "openai")
        self.openai_europe = Desk(self.world, "openai-europe")
        self.anthropic = Desk(self.world, "anthropic")
        self.aws_bedrock = BedrockDesk(bedrock_books(self.world), self.world.now)
        self.google = GoogleDesk(google_books(self.world))
        self.azure_openai = AzureDesk(azure_books(self.world))
        self.openrouter = OpenRouterDesk(openrouter_books(self.world))
        self.litellm = LiteLLMDesk(litellm_books(self.world))
        self.piapi = PiAPIDesk(piapi_books(self.world))
        self.slack = SlackDesk()
        self.openai_keys = openai_keys or OpenAIKeys()
        self.openai_europe_keys = OpenAIKeys("sk-admin-sandbox-europe-0000", "sk-proj-sandbox-europe-0000")
        self.anthropic_keys = anthropic_keys or AnthropicKeys()
        self.openrouter_keys = OpenRouterKeys()
        self.litellm_keys = LiteLLMKeys()
        self.slack_bot_token = BOT_TOKEN
        self._socket, self._aws_socket = (socket.create_server((HOST, at)) for at in (port, 0))
        aws = aws_bedrock_app(self.aws_bedrock)
        app = Starlette(
            routes=[
                Mount("/openai", openai_app(self.openai, self.openai_keys)),
                Mount("/openai-europe", openai_app(self.openai_europe, self.openai_europe_keys)),
                Mount("/anthropic", anthropic_app(self.anthropic, self.anthropic_keys)),
                Mount("/google", google_app(self.google)),
                Mount("/azure", azure_openai_app(self.azure_openai)),
                Mount("/openrouter", openrouter_app(self.openrouter, self.openrouter_keys)),
                Mount("/litellm", litellm_app(self.litellm, self.litellm_keys)),
                Mount("/piapi", piapi_app(self.piapi)),
                Mount("/slack", slack_app(self.slack)),
            ]
        )

        async def by_address(scope: Scope, receive: Receive, send: Send) -> None:
            """AWS has an address of its own: its clients know no path in front of theirs."""
            is_aws = scope["server"][1] == self._aws_socket.getsockname()[1]
            await (aws if is_aws else app)(scope, receive, send)

        self._server = uvicorn.Server(uvicorn.Config(by_address, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket, self._aws_socket]},
            name="sandbox",
            daemon=True,
        )

    def __enter__(self) -> Self:
        """Start serving; the socket takes requests from here on."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()
        self._aws_socket.close()

    @cached_property
    def ledger(self) -> dict[str, Any]:
        """The truth of the world as built."""
        return build_ledger(self.world)

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    @property
    def openai_url(self) -> str:
        """Base URL of OpenAI, `/v1` included."""
        return f"{self.url}/openai/v1"

    @property
    def anthropic_url(self) -> str:
        """Base URL of Anthropic, without `/v1`."""
        return f"{self.url}/anthropic"

    @property
    def aws_url(self) -> str:
        """Endpoint of all of AWS's APIs."""
        return f"http://{HOST}:{self._aws_socket.getsockname()[1]}"

    @property
    def accesses(self) -> list[Access]:
        """How to connect each account of the world."""
        azure = self.azure_openai.app
        values = {
            "openai": {"admin_key": self.openai_keys.admin, "base_url": self.openai_url},
            "openai-europe": {
                "admin_key": self.openai_europe_keys.admin,
                "base_url": f"{self.url}/openai-europe/v1",
            },
            "anthropic": {"admin_key": self.anthropic_keys.admin, "base_url": self.anthropic_url},
            "aws_bedrock": {
                "regions": ", ".join(REGION_CODES),
                "access_key_id": self.aws_bedrock.user.access_key_id,
                "secret_access_key": self.aws_bedrock.user.secret_access_key,
                "endpoint_url": self.aws_url,
            },
            "google": {
                "service_account_json": self.google.account.key_file(f"{self.url}/google/token"),
                "table": DETAILED_EXPORT,
                "monitored_projects": VERTEX.project or "",
                "bigquery_url": f"{self.url}/google",
                "monitoring_url": f"{self.url}/google",
            },
            "azure_openai": {
                "tenant_id": azure.tenant_id,
                "client_id": azure.client_id,
                "client_secret": azure.client_secret,
                "scope": SUBSCRIPTION,
                "login_url": f"{self.url}/azure",
                "management_url": f"{self.url}/azure",
            },
            "openrouter": {
                "management_key": self.openrouter_keys.management,
                "base_url": f"{self.url}/openrouter/api/v1",
            },
            "litellm": {"base_url": f"{self.url}/litellm", "api_key": self.litellm_keys.admin},
            "piapi": {
                "api_key": self.piapi.key,
                "environment": "custom",
                "base_url": f"{self.url}/piapi",
            },
        }
        return [Access(account, ACCOUNTS[account], values[account]) for account in self.world.accounts]

    @property
    def slack_webhook_url(self) -> str:
        """Incoming webhook of Slack."""
        return f"{self.url}/slack{WEBHOOK_PATH}"

    @property
    def slack_api_url(self) -> str:
        """Base URL of Slack's Web API, for `slack_bot_token`."""
        return f"{self.url}/slack/api/"
