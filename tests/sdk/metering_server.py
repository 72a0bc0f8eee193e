"""A metering endpoint on loopback: keeps each event once, answers item by item, and can be told to fail."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "mh_test_key_0123456789"


class MeteringServer:
    """Answers `POST /v1/events` and `/v1/outcomes`; holds no call back.

    `doors` says which way each came; `failures` are (status, headers, body) given before its own answers.
    """

    def __init__(self, port=0):
        self.events = {}
        self.doors = {}
        self.deliveries = 0
        self.batches = []
        self.refused_ids = {}
        self.failures = []
        self.max_events = 10_000
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self.tell(200, {}, b'{"controls": []}')

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.tell(*server.answer(self.path, self.headers, body))

            def tell(self, status, headers, answer):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, headers, body):
        if self.failures:
            return self.failures.pop(0)
        if path not in ("/v1/events", "/v1/outcomes"):
            return 404, {}, b""
        if headers["Authorization"] != f"Bearer {KEY}":
            return 401, {}, json.dumps({"detail": "no such key"}).encode()
        lines = gzip.decompress(body).splitlines()
        if len(lines) > self.max_events:
            return 413, {}, b""
        self.batches.append(headers["Idempotency-Key"])
        items = []
        for index, line in enumerate(lines):
            event = json.loads(line)
            self.deliveries += 1
            name = event.get("event_id") or event["outcome_id"]
            reason = self.refused_ids.get(name)
            if reason is None:
                self.events.setdefault(name, event)
                self.doors[name] = path
            status = "rejected" if reason else "accepted"
            items.append({"index": index, "event_id": name, "status": status, "reason": reason})
        return 200, {"Content-Type": "application/json"}, json.dumps({"items": items}).encode()
