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
from meterhouse.console.sign_on import DONE_PATH, SignOnError
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
        Route("/log-in/oidc", _begin_sign_on, methods=["GET"]),
        Route(DONE_PATH, _finish_sign_on, methods=["GET"]),
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
    await run_in_threadpool(_note_log_in, request, name, None, None if user else _WRONG)
    if user is None:
        brake.note_failure(address)
        return _form(request, HTTPStatus.UNAUTHORIZED, wanted, name, _WRONG)
    request.session.clear()
    request.session.update({"user": user.name, "stamp": user.stamp})
    return RedirectResponse(_own_path(wanted), HTTPStatus.SEE_OTHER)


async def _begin_sign_on(request: Request) -> Response:
    sign_on, wanted = console_of(request).sign_on, _own_path(request.query_params.get("next", "/"))
    if sign_on is None:
        return RedirectResponse("/log-in", HTTPStatus.SEE_OTHER)
    try:
        answer = await sign_on.begin(request)
    except SignOnError as error:
        return _form(request, HTTPStatus.BAD_GATEWAY, wanted, fault=_in_words(error))
    request.session["next"] = wanted
    return answer


async def _finish_sign_on(request: Request) -> Response:
    console = console_of(request)
    if console.sign_on is None:
        return RedirectResponse("/log-in", HTTPStatus.SEE_OTHER)
    wanted = _own_path(request.session.pop("next", "/"))
    try:
        vouched, fault = await console.sign_on.finish(request), None
    except SignOnError as error:
        vouched, fault = None, _in_words(error)
    name, subject = (vouched.name, vouched.subject) if vouched else (console.sign_on.title, None)
    await run_in_threadpool(_note_log_in, request, name, subject, fault)
    if vouched is None:
        return _form(request, HTTPStatus.UNAUTHORIZED, wanted, fault=fault)
    console.sign_on.remember(request, vouched)
    return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)


def _in_words(error: SignOnError) -> str:
    return f"{error.message} {error.next_step}"


def _note_log_in(request: Request, name: str, subject: str | None, fault: str | None) -> None:
    settings, address = console_of(request).settings, request.client.host if request.client else None
    entry = audit.begin(settings, name[:100], address, "logged in", subject)
    audit.end(settings, entry, audit.REFUSED if fault else audit.DONE, fault)


async def _log_out(request: Request) -> Response:
    await form_of(request)
    request.session.clear()
    return RedirectResponse("/log-in", HTTPStatus.SEE_OTHER)


def _form(
    request: Request, status: HTTPStatus, wanted: str, name: str = "", fault: str | None = None
) -> Response:
    sign_on = console_of(request).sign_on
    context = {"next": _own_path(wanted), "name": name, "fault": fault}
    title = sign_on.title if sign_on else None
    return page_response(request, None, "log_in.html", status, sign_on_title=title, **context)


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
