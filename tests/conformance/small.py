"""Every provider's small account behind its server, read by its provider: what all conformance tests start from."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from types import UnionType
from typing import Any, get_args

import simplejson
from pydantic import SecretStr
from starlette.types import ASGIApp

from dlt_sources.contract import Credentials, Provider, Report, Row, Window
from dlt_sources.http import Patience
from dlt_sources.registry import PROVIDERS
from dlt_sources.versions import day_version, report_columns
from sandbox.small import SmallServer
from tests.dlt_sources.served import Served

NOW = datetime(2026, 10, 20, 12, 30, 15, tzinfo=UTC)
WINDOW = Window(date(2026, 10, 17), date(2026, 10, 21))
SEED = 5
PATIENT = Patience(tries=4, deadline=60.0, timeout=60.0, first_wait=0.001, longest_wait=0.002)
HASTY = Patience(tries=2, deadline=5.0, timeout=0.2, first_wait=0.001, longest_wait=0.002)
WITHOUT_SMALL_ACCOUNT = frozenset({"file"})
"""Providers without a server: files are put through faults of their own in tests/dlt_sources/test_file.py."""
NAMES = sorted(PROVIDERS.keys() - WITHOUT_SMALL_ACCOUNT)
Days = dict[date, list[Row]]


class Tampering:
    """Serves `app`; `tamper` changes the JSON of every answer on its way out, `seen` collects it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.tamper: Callable[[Any], Any] = lambda body: body
        self.seen: list[Any] = []

    async def __call__(self, scope, receive, send) -> None:
        start, parts = {}, []

        async def keep(message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = self._changed(b"".join(parts))
            headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
            start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, keep)

    def _changed(self, content: bytes) -> bytes:
        try:
            body = simplejson.loads(content, use_decimal=True)
        except ValueError:
            return content
        self.seen.append(body)
        return simplejson.dumps(self.tamper(body)).encode()


class Account:
    """A small account: its server, and its provider reading it."""

    def __init__(self, name: str, small: SmallServer, wire: Tampering, url: str) -> None:
        self.name, self.small, self.wire, self.url = name, small, wire, url
        self.provider = provider(name, PATIENT)

    @property
    def faults(self):
        return self.small.desk.faults

    @property
    def credentials(self) -> Credentials:
        return self.provider.credentials(**self.small.form(self.url))

    @property
    def secrets(self) -> list[str]:
        """What was entered into fields that are secret."""
        form = self.small.form(self.url)
        return [form[field] for field in secret_fields(self.provider.credentials) if field in form]

    def days(self, report: Report) -> Days:
        """Everything a report says, and proof that it can be loaded."""
        found: Days = {}
        for day in report.fetch(self.credentials, WINDOW):
            assert day.day not in found, f"{self.name}.{report.name} gives {day.day} twice"
            assert day.day in WINDOW.days, f"{self.name}.{report.name} gives {day.day}, not asked for"
            found[day.day] = list(day.rows)
            version = day_version("c", report.name, day)
            loaded = sum(table.num_rows for table in version.tables(report_columns(report.columns)))
            assert loaded == len(found[day.day])
        return found

    def everything(self) -> dict[str, Days]:
        """All reports and all lists of names."""
        reports = {report.name: self.days(report) for report in self.provider.reports}
        lists = {
            one.name: {WINDOW.start: list(one.fetch(self.credentials))} for one in self.provider.dimensions
        }
        return reports | lists


def provider(name: str, patience: Patience) -> Provider:
    built: Provider = importlib.import_module(f"dlt_sources.{name}").build_provider(
        clock=lambda: NOW, patience=patience
    )
    return built


@contextmanager
def served(name: str) -> Iterator[Account]:
    """The provider's small account on loopback."""
    small = importlib.import_module(f"sandbox.{name}.small").small_server(NOW, SEED)
    wire = Tampering(small.app)
    with Served(wire) as server:
        yield Account(name, small, wire, server.url)


def secret_fields(form: type[Credentials]) -> list[str]:
    return [name for name, field in form.model_fields.items() if is_secret(field.annotation)]


def is_secret(annotation: Any) -> bool:
    parts = get_args(annotation) if isinstance(annotation, UnionType) or get_args(annotation) else ()
    return annotation is SecretStr or any(map(is_secret, parts))


def closed_days() -> list[date]:
    return [day for day in WINDOW.days if day < NOW.date()]
