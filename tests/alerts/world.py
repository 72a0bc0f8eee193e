"""What the alert tests share: events, rules, an installation in a folder, and a Slack of their own on loopback."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pyarrow as pa
from sqlalchemy import select

from meterhouse.alerts.rules import Rule
from meterhouse.control.database import reading
from meterhouse.control.tables import IncidentRow, OutboxRow
from meterhouse.events.schema import WAREHOUSE_SCHEMA
from meterhouse.settings import Settings

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)


def at(minutes):
    return T0 + timedelta(minutes=minutes)


def event(event_id, minutes, cost=None, **fields):
    """A priced event that starts so many minutes after T0."""
    status = "priced" if cost is not None else "unpriced"
    basics = {
        "event_id": event_id,
        "started_at": at(minutes),
        "received_at": at(minutes),
        "trace_id": f"trace-{event_id}",
    }
    priced = {"cost_usd": None if cost is None else Decimal(cost), "cost_status": status}
    return {"provider": "openai", "model": "gpt-5", "outcome": "ok"} | basics | priced | fields


def frame(events):
    return pl.DataFrame(pa.Table.from_pylist(list(events), schema=WAREHOUSE_SCHEMA))


def rule(**changes):
    base = {
        "name": "average-cost-per-transaction",
        "metric": "cost_per_transaction",
        "window": "1h",
        "when": "> 1.25",
        "notify": ["slack"],
    }
    return Rule.model_validate(base | changes)


def install(home, slack_url=None, rules_text=None, **changes):
    """Settings of an installation in a folder of its own."""
    rules_file = home / "alert_rules.yaml"
    if rules_text is not None:
        rules_file.parent.mkdir(parents=True, exist_ok=True)
        rules_file.write_text(rules_text, encoding="utf-8")
    return Settings(
        home=home / "home", rules_file=rules_file, slack_webhook_url=slack_url, _env_file=None, **changes
    )


def incidents(settings):
    with reading(settings) as session:
        return list(session.scalars(select(IncidentRow).order_by(IncidentRow.fired_at, IncidentRow.severity)))


def outbox(settings):
    with reading(settings) as session:
        return list(session.scalars(select(OutboxRow).order_by(OutboxRow.id)))


class Slack:
    """A receiver that answers as told, then 200; `posts` holds (path, body) of each request, `headers` theirs."""

    def __init__(self):
        self.posts = []
        self.headers = []
        self.answers = []
        self.url = ""

    def texts(self):
        return [body["text"] for _, body in self.posts]


@contextmanager
def slack(*answers):
    """A Slack on loopback; each answer is (status, headers, body) or a number of seconds to stay silent."""
    receiver = Slack()
    receiver.answers = list(answers)
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.headers.append(self.headers)
            receiver.posts.append((self.path, json.loads(raw)))
            answer = receiver.answers.pop(0) if receiver.answers else (200, {}, "ok")
            if isinstance(answer, int | float):
                released.wait(answer)
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/services/T000/B000/secretpart"
    try:
        yield receiver
    finally:
        released.set()
        server.shutdown()
        server.server_close()
