"""A sandbox application behind a real port, with planned answers given before its own."""

import socket
import threading
import time
from collections import defaultdict
from urllib.parse import parse_qs

import uvicorn
from starlette.responses import Response

from tests.dlt_sources.fake_provider import Answer


class Served:
    """Serves `app` on loopback; `faults` are answers by path, given in order before the real one."""

    def __init__(self, app):
        self._app = app
        self.faults: dict[str, list[Answer]] = defaultdict(list)
        self.requests: list[tuple[str, dict]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(
            uvicorn.Config(self._answer, interface="asgi3", log_level="warning", lifespan="off")
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def asked(self, path: str) -> list[dict]:
        return [query for asked, query in self.requests if asked == path]

    async def _answer(self, scope, receive, send):
        query = parse_qs(scope["query_string"].decode())
        self.requests.append((scope["path"], query))
        fault = next((f for f in self.faults[scope["path"]] if f.when(query)), None)
        if fault is None:
            await self._app(scope, receive, send)
            return
        self.faults[scope["path"]].remove(fault)
        time.sleep(fault.delay)
        await Response(fault.body, fault.status, fault.headers)(scope, receive, send)
