"""How pages are rendered: the templates, and how money, numbers and times read in them.

What belongs here: the Jinja environment and its filters. What does not: any page.
"""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from meterhouse.report import usd

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
_SECOND, _MINUTE = 1_000, 60_000
_CODE = re.compile("`([^`]+)`")


def rendered(template: str, **context: Any) -> str:
    """The page of a template; everything in the context is escaped."""
    return _environment().get_template(template).render(**context)


def markdown(text: str) -> Markup:
    """One of our own documents as HTML; markup inside it is shown, not interpreted."""
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))  # noqa: S704


def drawn(svg: str) -> Markup:
    """A chart of ours, whose texts are escaped where it is drawn."""
    return Markup(svg)  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "usd": _usd,
        "exact": lambda value: "–" if value is None else f"{value:f}",
        "number": _number,
        "percent": lambda share: "–" if share is None else f"{share * 100:.1f} %",
        "moment": _moment,
        "day": lambda value: "–" if value is None else f"{value:%Y-%m-%d}",
        "dash": lambda value: "–" if value is None or value == "" else value,
        "prose": _prose,
        "pretty_json": _pretty_json,
        "duration": _duration,
    }
    environment.globals |= {"query": _query, "version": _version()}
    return environment


def _usd(amount: Decimal | None) -> str:
    return "–" if amount is None else usd(amount)


def _number(value: Decimal | int | None) -> str:
    if value is None:
        return "–"
    return f"{value.normalize():,f}" if isinstance(value, Decimal) else f"{value:,}"


def _duration(milliseconds: int | None) -> str:
    """A time span in words: milliseconds below a second, then seconds, then minutes or hours."""
    if milliseconds is None:
        return "–"
    if milliseconds < _SECOND:
        return f"{milliseconds} ms"
    if milliseconds < _MINUTE:
        return f"{milliseconds / _SECOND:.1f} s"
    minutes = round(milliseconds / _MINUTE)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _moment(value: datetime | None) -> Markup | str:
    """A time that the browser shows in the viewer's zone, with UTC where it cannot and on hover."""
    if value is None:
        return "–"
    utc = value.astimezone(UTC)
    shown = f"{utc:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="milliseconds"), f"{utc:%Y-%m-%d %H:%M:%S} UTC", shown
    )


def _prose(text: str | None) -> Markup:
    """A sentence of ours, its `code` marked as such."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text or ""))))  # noqa: S704 (escaped just before)


def _pretty_json(text: str | None) -> str:
    """JSON text laid out for reading; what is none stays as it is."""
    try:
        return json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    except ValueError:
        return text or ""


def _query(**parts: Any) -> str:
    """A query string of the parts that say something, lists repeated."""
    kept = {name: part for name, part in parts.items() if part not in (None, "", [], ())}
    return "?" + urlencode({name: _plain(part) for name, part in kept.items()}, doseq=True)


def _plain(part: Any) -> Any:
    return part.isoformat() if isinstance(part, date) else part


def _version() -> str:
    """Fingerprint of the static files, so that browsers keep each version for ever."""
    content = b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))
    return hashlib.sha256(content).hexdigest()[:12]
