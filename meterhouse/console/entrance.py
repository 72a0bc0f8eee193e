"""Coming and going: the log-in, the log-out, the accounts, and the audit log.

What does not belong here: what a session is worth on other pages (`web.py`).
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meterhouse.console import audit, users
from meterhouse.console.security import GuessingBrake
from meterhouse.console.users import Role
from meterhouse.console.web import Done, Visit, action, console_of, form_of, page, page_response
from meterhouse.errors import UsageError

_ENTRIES = 300
_WRONG = "This name and password do not fit."
_TOO_OFTEN = "Too many log-ins failed from your address. Wait five minutes."


def routes() -> list[Route]:
    """The log-in and what is around it."""
    brake = GuessingBrake()

    async def log_in(request: Request) -> Response:
        return await _log_in(request, brake)

    return [
        Route("/log-in", _show_log_in, methods=["GET"]),
        Route("/log-in", log_in, methods=["POST"]),
        Route("/log-out", _log_out, methods=["POST"]),
        page("/audit", _audit, Role.ADMIN),
        page("/users", _users, Role.ADMIN),
        action("/users/add", "added a user", _add),
        action("/users/renew-password", "renewed a password", _renew),
        action("/users/remove", "removed a user", _remove),
    ]


async def _show_log_in(request: Request) -> Response:
    if not console_of(request).asks_log_in:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    return _form(request, HTTPStatus.OK, request.query_params.get("next", "/"))


async def _log_in(request: Request, brake: GuessingBrake) -> Response:
    fields = await form_of(request)
    name, wanted = fields.get("name", "").strip(), fields.get("next", "/")
    address = request.client.host if request.client else ""
    if brake.is_on(address):
        return _form(request, HTTPStatus.TOO_MANY_REQUESTS, wanted, name, _TOO_OFTEN)
    settings = console_of(request).settings
    user = await run_in_threadpool(users.log_in, settings, name, fields.get("password", ""))
    outcome = audit.REFUSED if user is None else audit.DONE
    entry = await run_in_threadpool(audit.begin, settings, name[:100], address, "logged in", None)
    await run_in_threadpool(audit.end, settings, entry, outcome, None if user else _WRONG)
    if user is None:
        brake.note_failure(address)
        return _form(request, HTTPStatus.UNAUTHORIZED, wanted, name, _WRONG)
    request.session.clear()
    request.session.update({"user": user.name, "stamp": user.stamp})
    return RedirectResponse(_own_path(wanted), HTTPStatus.SEE_OTHER)


async def _log_out(request: Request) -> Response:
    await form_of(request)
    request.session.clear()
    return RedirectResponse("/log-in", HTTPStatus.SEE_OTHER)


def _form(
    request: Request, status: HTTPStatus, wanted: str, name: str = "", fault: str | None = None
) -> Response:
    return page_response(request, None, "log_in.html", status, next=_own_path(wanted), name=name, fault=fault)


def _own_path(wanted: str) -> str:
    """Where to go after the log-in: a path of ours, never another site."""
    parts = urlsplit(wanted)
    is_ours = (
        not parts.scheme
        and not parts.netloc
        and wanted.startswith("/")
        and not wanted.startswith(("//", "/\\"))
    )
    return wanted if is_ours else "/"


def _audit(visit: Visit) -> Response:
    return visit.page("audit.html", entries=audit.newest(visit.settings, _ENTRIES), limit=_ENTRIES)


def _users(visit: Visit) -> Response:
    return visit.page("users.html", users=users.overview(visit.settings), made=None)


def _add(visit: Visit) -> Response:
    name = visit.required("name").strip()
    password = users.add(visit.settings, name, Role(visit.fields.get("role", Role.VIEWER)))
    return _with_password(visit, name, password)


def _renew(visit: Visit) -> Response:
    name = visit.required("name")
    return _with_password(visit, name, users.renew_password(visit.settings, name))


def _with_password(visit: Visit, name: str, password: str) -> Response:
    """The users, and once the password that was just made."""
    return visit.page(
        "users.html", users=users.overview(visit.settings), made={"name": name, "password": password}
    )


def _remove(visit: Visit) -> Done:
    name = visit.required("name")
    if name == visit.user.name:
        raise UsageError("You cannot remove yourself.", "Another admin can.")
    users.remove(visit.settings, name)
    return Done(f"Removed {name}.", "/users")
