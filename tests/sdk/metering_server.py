"""A metering endpoint on loopback: keeps each event once, answers item by item, and can be told to fail."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "mh_test_key_0123456789"


class MeteringServer:
    """Answers `POST /v1/events`; `failures` are (status, headers, body) given before its own answers."""

    def __init__(self, port=0):
        self.events = {}
        self.deliveries = 0
        self.batches = []
        self.refused_ids = {}
        self.failures = []
        self.max_events = 10_000
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, answer = server.answer(self.path, self.headers, body)
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
        if path != "/v1/events":
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
            reason = self.refused_ids.get(event["event_id"])
            if reason is None:
                self.events.setdefault(event["event_id"], event)
            status = "rejected" if reason else "accepted"
            items.append({"index": index, "event_id": event["event_id"], "status": status, "reason": reason})
        return 200, {"Content-Type": "application/json"}, json.dumps({"items": items}).encode()
