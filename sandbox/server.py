"""The whole sandbox in one server on loopback.

What belongs here: starting and ending it, and where everything is. What does not: any single API.
"""

import socket
import threading
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from sandbox.anthropic.api import anthropic_app
from sandbox.anthropic.errors import AnthropicKeys
from sandbox.faults import Desk
from sandbox.ledger import build_ledger
from sandbox.openai.api import openai_app
from sandbox.openai.errors import OpenAIKeys
from sandbox.slack import BOT_TOKEN, WEBHOOK_PATH, SlackDesk, slack_app
from sandbox.world import World, build_world

HOST = "127.0.0.1"
STOP_SECONDS = 10


class Sandbox:
    """A world and the servers that show it, alive between `with` and its end.

    `openai` and `anthropic` are the desks of the two servers: their faults, and the world they show. `slack`
    holds what was sent to Slack. `world` and `ledger` are the truth as built; a restated desk has its own
    (`build_ledger`).
    """

    def __init__(
        self,
        days: int,
        seed: int,
        now: datetime,
        *,
        port: int = 0,
        openai_keys: OpenAIKeys | None = None,
        anthropic_keys: AnthropicKeys | None = None,
    ) -> None:
        """Build the world; port 0 takes any free one."""
        self.world: World = build_world(days, seed, now)
        self.openai = Desk(self.world)
        self.anthropic = Desk(self.world)
        self.slack = SlackDesk()
        self.openai_keys = openai_keys or OpenAIKeys()
        self.anthropic_keys = anthropic_keys or AnthropicKeys()
        self.slack_bot_token = BOT_TOKEN
        self._socket = socket.create_server((HOST, port))
        app = Starlette(
            routes=[
                Mount("/openai", openai_app(self.openai, self.openai_keys)),
                Mount("/anthropic", anthropic_app(self.anthropic, self.anthropic_keys)),
                Mount("/slack", slack_app(self.slack)),
            ]
        )
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
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
    def slack_webhook_url(self) -> str:
        """Incoming webhook of Slack."""
        return f"{self.url}/slack{WEBHOOK_PATH}"

    @property
    def slack_api_url(self) -> str:
        """Base URL of Slack's Web API, for `slack_bot_token`."""
        return f"{self.url}/slack/api/"
