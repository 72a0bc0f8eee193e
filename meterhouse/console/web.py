"""What every page shares: who is looking, what they may do, how they are answered.

A page (GET) shows, an action (POST) changes. An action checks its token, asks for the role, and stands in the audit log
before it does anything. What does not belong here: any page, and what holds for all answers alike (`security.py`).
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dlt_sources.contract import ProviderError
from meterhouse.console import audit, users
from meterhouse.console.jobs import Jobs
from meterhouse.console.render import rendered
from meterhouse.console.sign_on import SignOn
from meterhouse.console.users import LOCAL, Role, User
from meterhouse.errors import MeterhouseError
from meterhouse.settings import Settings

_MAX_BODY_BYTES = 2**20
_CSRF = "csrf"
_THEMES = ("light", "dark")


@dataclass(frozen=True)
class Console:
    """One process of the console: its installation, its jobs, and whether it asks for a log-in."""

    settings: Settings
    jobs: Jobs
    asks_log_in: bool
    sign_on: SignOn | None = None
    """Who vouches for people beside the accounts here; None where nobody does."""


@dataclass(frozen=True)
class Visit:
    """One request: the console, who asks, and the fields of the form they sent."""

    request: Request
    user: User
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def console(self) -> Console:
        """The process."""
        return console_of(self.request)

    @property
    def settings(self) -> Settings:
        """The installation."""
        return self.console.settings

    def asked(self, name: str) -> str | None:
        """A parameter of the address; None when it is missing or blank."""
        return self.request.query_params.get(name, "").strip() or None

    def required(self, name: str) -> str:
        """A field of the form.

        Raises:
            HTTPException: 400, it is missing.
        """
        if name not in self.fields:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"The form lacks the field {name}.")
        return self.fields[name]

    def page(self, template: str, status: HTTPStatus = HTTPStatus.OK, **context: Any) -> Response:
        """A rendered page."""
        return page_response(self.request, self.user, template, status, **context)


@dataclass(frozen=True)
class Done:
    """What an action did: what to say, and where to go on."""

    said: str
    where: str


Show = Callable[[Visit], Response]
Do = Callable[[Visit], Done | Response]
Again = Callable[[Visit, MeterhouseError | ProviderError], Response]
Subject = Callable[[Visit], str | None]


def console_of(request: Request) -> Console:
    """The process that serves the request."""
    found: Console = request.app.state.console
    return found


def page(path: str, show: Show, role: Role = Role.VIEWER) -> Route:
    """A page at a path; `show` runs in a thread of its own."""

    async def answer(request: Request) -> Response:
        user = await run_in_threadpool(user_of, request)
        if user is None:
            return log_in_first(request)
        _demand(user, role)
        return await run_in_threadpool(show, Visit(request, user))

    return Route(path, answer, methods=["GET"])


def action(
    path: str,
    does: str,
    do: Do,
    subject: Subject = lambda visit: visit.fields.get("name"),
    again: Again | None = None,
) -> Route:
    """A change at a path, for admins.

    Args:
        path: Where the form is sent to.
        does: What it does, for the audit log.
        do: Does it.
        subject: Names what is changed.
        again: Shows the form again with what was wrong; without it the visitor goes back to the page they came from.
    """

    async def answer(request: Request) -> Response:
        user = await run_in_threadpool(user_of, request)
        if user is None:
            return log_in_first(request)
        fields = await form_of(request)
        _demand(user, Role.ADMIN)
        return await run_in_threadpool(_act, Visit(request, user, fields), does, do, subject, again)

    return Route(path, answer, methods=["POST"])


async def form_of(request: Request) -> dict[str, str]:
    """The fields of the form that was sent, once its token is proven to come from a page of this session.

    Raises:
        HTTPException: 411 or 413, the form's size is not said or too large; 403, the token is wrong.
    """
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(HTTPStatus.LENGTH_REQUIRED)
    if int(length) > _MAX_BODY_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    async with request.form(max_files=0) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    token = request.session.get(_CSRF, "")
    if not token or not hmac.compare_digest(token.encode(), fields.pop(_CSRF, "").encode()):
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "This form is out of date: go back, load the page again, and send it once more.",
        )
    return fields


def user_of(request: Request) -> User | None:
    """Who is asking; None when they have to log in."""
    console = console_of(request)
    if not console.asks_log_in:
        return LOCAL
    if console.sign_on is not None and (vouched := console.sign_on.user_of(request)) is not None:
        return vouched
    name = request.session.get("user")
    user = users.find(console.settings, name) if name else None
    return user if user is not None and user.stamp == request.session.get("stamp") else None


def log_in_first(request: Request) -> Response:
    """Send the visitor to the log-in, and afterwards where they wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = f"/log-in?next={quote(wanted)}" if request.method == "GET" else "/log-in"
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def page_response(
    request: Request, user: User | None, template: str, status: HTTPStatus, **context: Any
) -> Response:
    """A rendered page, with what the layout needs."""
    if _CSRF not in request.session:
        request.session[_CSRF] = secrets.token_urlsafe(24)
    theme = request.cookies.get("theme")
    content = rendered(
        template,
        user=user,
        asks_log_in=console_of(request).asks_log_in,
        csrf=request.session[_CSRF],
        theme=theme if theme in _THEMES else "auto",
        path=request.url.path,
        flashes=request.session.pop("flashes", []),
        **context,
    )
    return HTMLResponse(content, status)


def tell(request: Request, kind: str, said: str, next_step: str | None = None) -> None:
    """Say something on the next page; `kind` is done or fault. It travels in the cookie: never a secret."""
    request.session.setdefault("flashes", []).append({"kind": kind, "said": said, "next_step": next_step})


def _demand(user: User, role: Role) -> None:
    if role is Role.ADMIN and not user.is_admin:
        raise HTTPException(HTTPStatus.FORBIDDEN, "You may look, but not do this: it takes the role admin.")


def _act(visit: Visit, does: str, do: Do, subject: Subject, again: Again | None) -> Response:
    settings, request = visit.settings, visit.request
    address = request.client.host if request.client else None
    entry = audit.begin(settings, visit.user.name, address, does, subject(visit))
    try:
        done = do(visit)
    except (MeterhouseError, ProviderError) as error:
        audit.end(settings, entry, audit.REFUSED, error.message)
        if again is not None:
            return again(visit, error)
        tell(request, "fault", error.message, error.next_step)
        return RedirectResponse(_came_from(request), HTTPStatus.SEE_OTHER)
    if isinstance(done, Response):
        audit.end(settings, entry, audit.DONE, None)
        return done
    audit.end(settings, entry, audit.DONE, done.said)
    tell(request, "done", done.said)
    return RedirectResponse(done.where, HTTPStatus.SEE_OTHER)


def _came_from(request: Request) -> str:
    """The page the form stood on, by its path alone: the address may name another site."""
    referer = request.headers.get("referer", "")
    path = referer.removeprefix(f"{request.url.scheme}://{request.url.netloc}")
    return path if path.startswith("/") and not path.startswith("//") else "/"
