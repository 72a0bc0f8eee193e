"""An HTTP server on loopback that answers as the contract pages say: buckets really paged, keys really
checked.

It shares no code with the sources: it is what they are tested against. `faults` are answers given, in order,
before the real one; a test adds them by path.
"""

import base64
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAYLOADS = Path(__file__).parent.parent / "data" / "provider_payloads"
OPENAI_KEY = "sk-admin-PLANTEDsecret0123456789abcdef"
ANTHROPIC_KEY = "sk-ant-admin01-PLANTEDsecret0123456789abcdef"


def payload(name: str) -> dict:
    return json.loads((PAYLOADS / name).read_text())


class Raw(str):
    """A JSON number written into a body exactly as given."""


def dumps(value) -> bytes:
    """JSON in which a `Raw` stands as a bare number."""
    marks: dict[str, str] = {}

    def mark(item):
        if isinstance(item, Raw):
            marks[f"\x01{len(marks)}\x01"] = str(item)
            return f"\x01{len(marks) - 1}\x01"
        if isinstance(item, dict):
            return {key: mark(inner) for key, inner in item.items()}
        return [mark(inner) for inner in item] if isinstance(item, list) else item

    text = json.dumps(mark(value))
    for token, number in marks.items():
        text = text.replace(json.dumps(token), number)
    return text.encode()


class Answer:
    """One answer given instead of the real one."""

    def __init__(self, status=200, body=b"{}", headers=None, delay=0.0, when=lambda query: True):
        self.status, self.headers, self.delay, self.when = status, headers or {}, delay, when
        self.body = body if isinstance(body, bytes) else dumps(body)


class FakeProvider:
    """Both providers behind one port: OpenAI under `/v1/organization/`, Anthropic under
    `/v1/organizations/`."""

    def __init__(self):
        self.buckets: dict[str, dict[date, list]] = defaultdict(dict)
        """Rows by path and day."""
        self.lists: dict[str, list] = defaultdict(list)
        self.faults: dict[str, list[Answer]] = defaultdict(list)
        self.requests: list[tuple[str, dict]] = []
        self.refused_groupings: set[str] = set()
        self.buckets_per_page: int | None = None
        """Smaller pages than asked for, as a provider may well answer."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self):
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def asked(self, path: str) -> list[dict]:
        return [query for asked, query in self.requests if asked == path]

    def put_example(self, path: str, name: str) -> None:
        """Serve the buckets of an example payload."""
        for bucket in payload(name)["data"]:
            start = bucket.get("start_time")
            day = (
                datetime.fromtimestamp(start, UTC).date()
                if start
                else date.fromisoformat(bucket["starting_at"][:10])
            )
            self.buckets[path][day] = bucket["results"]

    def _handler(self):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self):
                url = urlsplit(self.path)
                query = parse_qs(url.query)
                fake.requests.append((url.path, query))
                fault = next((f for f in fake.faults[url.path] if f.when(query)), None)
                if fault:
                    fake.faults[url.path].remove(fault)
                    time.sleep(fault.delay)
                    self.answer(fault.status, fault.body, fault.headers)
                else:
                    status, body = fake.answer(url.path, query, self.headers)
                    self.answer(status, dumps(body), {})

            def answer(self, status, body, headers):
                try:
                    self.send_response(status)
                    for name, value in {
                        "Content-Length": str(len(body)),
                        "request-id": "req_1",
                        **headers,
                    }.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                    self.wfile.flush()
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, path, query, headers):
        if path.startswith("/v1/organization/"):
            if headers.get("Authorization") != f"Bearer {OPENAI_KEY}":
                return 401, payload("openai_error_401.json")
            if "usage" in path or path.endswith("costs"):
                return self.openai_buckets(path, query)
            return 200, self.listing(path, query, "after")
        if headers.get("x-api-key") != ANTHROPIC_KEY:
            return 401, payload("anthropic_error_401.json")
        assert headers.get("anthropic-version") == "2023-06-01"
        if path.endswith("/me"):
            return 200, {"id": "org_01", "type": "organization", "name": "Example"}
        if "report" in path:
            return 200, self.anthropic_buckets(path, query)
        return 200, self.listing(path, query, "after_id")

    def openai_buckets(self, path, query):
        grouping = ",".join(query["group_by[]"])
        if grouping in self.refused_groupings:
            return 400, {
                "error": {"message": "Unsupported group_by combination.", "param": "group_by", "code": None}
            }
        start, end = int(query["start_time"][0]), int(query["end_time"][0])
        limit, most = int(query["limit"][0]), 180 if path.endswith("costs") else 31
        assert start % 86400 == 0 and start < end and 1 <= limit <= most
        days = [datetime.fromtimestamp(at, UTC).date() for at in range(start, end, 86400)]

        def bucket(day):
            at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            return {
                "object": "bucket",
                "start_time": at,
                "end_time": at + 86400,
                "results": self.buckets[path].get(day, []),
            }

        return 200, {"object": "page"} | self.page(days, limit, query, bucket)

    def anthropic_buckets(self, path, query):
        start, end = (datetime.fromisoformat(query[name][0]).date() for name in ("starting_at", "ending_at"))
        limit = int(query["limit"][0])
        assert start < end and 1 <= limit <= 31
        days = [start + timedelta(days=n) for n in range((end - start).days)]

        def bucket(day):
            rows = self.buckets[path].get(day, [])
            return {
                "starting_at": f"{day}T00:00:00Z",
                "ending_at": f"{day + timedelta(days=1)}T00:00:00Z",
                "results": rows,
            }

        return self.page(days, limit, query, bucket)

    def page(self, days, limit, query, bucket: Callable):
        limit = min(limit, self.buckets_per_page or limit)
        at = int(base64.b64decode(query["page"][0].removeprefix("page_"))) if "page" in query else 0
        more = at + limit < len(days)
        cursor = "page_" + base64.b64encode(str(at + limit).encode()).decode()
        return {
            "data": [bucket(day) for day in days[at : at + limit]],
            "has_more": more,
            "next_page": cursor if more else None,
        }

    def listing(self, path, query, cursor_param):
        items, limit = self.lists[path], int(query["limit"][0])
        ids = [item["id"] for item in items]
        at = ids.index(query[cursor_param][0]) + 1 if cursor_param in query else 0
        page = items[at : at + limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": at + limit < len(items),
        }
