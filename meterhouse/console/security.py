"""What protects the console whatever the page: headers, the key that signs sessions, the brake on guessing passwords.

What does not belong here: users (`users.py`), and the checks of one request (`web.py`).
"""

import secrets
import time
from collections import deque

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meterhouse.connections import vault
from meterhouse.control.database import session
from meterhouse.control.tables import SealedSecretRow
from meterhouse.settings import Settings

_SESSION_KEY = "console session signing"
_RESTORE = "Restore the vault key (vault.key in METERHOUSE_HOME, or METERHOUSE_VAULT_KEY)."

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_STRICT_TRANSPORT = ("strict-transport-security", "max-age=31536000")


class SecurityHeaders:
    """Gives every answer the headers above; pages are never stored by a browser or a proxy."""

    def __init__(self, app: ASGIApp, is_https: bool) -> None:
        self._app = app
        self._headers = dict([*_HEADERS.items(), *([_STRICT_TRANSPORT] if is_https else [])])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class GuessingBrake:
    """Refuses log-ins from an address that failed too often lately; each process counts for itself."""

    def __init__(self, failures: int = 10, seconds: float = 300) -> None:
        self._failures = failures
        self._seconds = seconds
        self._failed_at: dict[str, deque[float]] = {}

    def is_on(self, address: str) -> bool:
        """Whether the address has to wait."""
        failed_at, now = self._failed_at.get(address, deque()), time.monotonic()
        while failed_at and failed_at[0] < now - self._seconds:
            failed_at.popleft()
        if not failed_at:
            self._failed_at.pop(address, None)
        return len(failed_at) >= self._failures

    def note_failure(self, address: str) -> None:
        """Count a failure."""
        self._failed_at.setdefault(address, deque(maxlen=self._failures)).append(time.monotonic())


def session_key(settings: Settings) -> str:
    """The installation's secret that signs sessions; made once, sealed by the vault.

    Raises:
        VaultError: The vault key is missing or cannot be used.
    """
    with vault.held(settings), session(settings) as opened:
        keys = vault.sealing_keys(settings, opened)
        row = opened.get(SealedSecretRow, _SESSION_KEY)
        if row is not None:
            what = "key that signs the console's sessions"
            return vault.unseal_of(keys, row.name, row.sealed, what, _RESTORE)["key"]
        made = secrets.token_urlsafe(48)
        opened.add(SealedSecretRow(name=_SESSION_KEY, sealed=vault.seal(keys, _SESSION_KEY, {"key": made})))
        return made
