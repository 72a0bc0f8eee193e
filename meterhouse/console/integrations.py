"""The page of SDK integrations: API keys, quick starts, and a test event.

What does not belong here: what a key is (`meterhouse/gateway/keys.py`).
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from meterhouse.console import marts
from meterhouse.console.snippets import snippets
from meterhouse.console.web import Done, Visit, action, page
from meterhouse.errors import UsageError
from meterhouse.gateway import keys
from meterhouse.gateway.keys import ApiKey, Scope
from meterhouse.gateway.trial import send_test_event
from meterhouse.published import NothingPublishedError

_HERE = "/integrations"
_COPY = f"{_HERE}/copy"


def routes() -> list[Route]:
    """The page and its actions."""
    return [
        page(_HERE, _overview),
        action(f"{_HERE}/create", "created an API key", _create),
        action(_COPY, "copied an API key", _copy),
        action(f"{_HERE}/regenerate", "regenerated an API key", _regenerate),
        action(f"{_HERE}/revoke", "revoked an API key", _revoke),
        action(f"{_HERE}/send-test", "sent a test event", _send_test),
    ]


def _overview(visit: Visit) -> Response:
    return _page(visit, None)


def _page(visit: Visit, shown: ApiKey | None) -> Response:
    event_id = visit.asked("event")
    is_in_marts = event_id is not None and _is_in_marts(visit, event_id)
    return visit.page(
        "integrations.html",
        keys=[(one, _state(one)) for one in keys.overview(visit.settings)],
        shown=shown,
        url=visit.settings.gateway_url.rstrip("/"),
        snippets=snippets(visit.settings.gateway_url.rstrip("/")),
        event_id=event_id,
        is_in_marts=is_in_marts,
    )


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    is_over = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if is_over else "live"


def _create(visit: Visit) -> Response:
    days = visit.fields.get("expires_in_days", "").strip()
    if days and not (days.isdigit() and 0 < int(days) <= 3650):
        raise UsageError(
            "The days until a key expires are a whole number from 1 to 3650.", "Leave it empty for never."
        )
    scopes = [scope for scope in Scope if f"scope-{scope}" in visit.fields] or [Scope.WRITE]
    expires_at = datetime.now(UTC) + timedelta(days=int(days)) if days else None
    keys.create(visit.settings, visit.required("name").strip(), scopes, expires_at=expires_at)
    return _show_once()


def _copy(visit: Visit) -> Response:
    return _page(visit, keys.copy(visit.settings, visit.required("name").strip()))


def _regenerate(visit: Visit) -> Response:
    keys.regenerate(visit.settings, visit.required("name"))
    return _show_once()


def _show_once() -> Response:
    """Send the same form on to where a key is shown, so that loading that page again makes no other key."""
    return RedirectResponse(_COPY, HTTPStatus.TEMPORARY_REDIRECT)


def _revoke(visit: Visit) -> Done:
    name = visit.required("name")
    keys.revoke(visit.settings, name)
    return Done(f"Revoked {name}: requests with it are refused from now on.", _HERE)


def _send_test(visit: Visit) -> Done:
    sent = send_test_event(visit.settings, key_name=visit.required("name"))
    return Done(
        f"The endpoint took the test event in {sent.milliseconds} ms ({sent.status}).",
        f"{_HERE}?event={sent.event_id}",
    )


def _is_in_marts(visit: Visit, event_id: str) -> bool:
    query = "select 1 from marts.fct_transactions where event_id = $id"
    try:
        return bool(marts.rows(visit.settings, query, {"id": event_id}))
    except NothingPublishedError:
        return False
