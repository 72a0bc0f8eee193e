"""Log-in by OpenID Connect: a provider says who somebody is, and a claim of theirs what they may do.

The authorization code flow with state, nonce and PKCE is Authlib's. What belongs here: what of its answer is believed,
and whom it makes an admin or a viewer. What does not: passwords (`users.py`), and sessions of other pages (`web.py`).
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client.errors import MismatchingStateError, OAuthError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import Response

from meterhouse.console.users import Role, User
from meterhouse.errors import MeterhouseError, UsageError
from meterhouse.settings import Settings

DONE_PATH = "/log-in/oidc/done"
"""Where the provider sends people back to, below `console_url`."""
_DISCOVERY = "/.well-known/openid-configuration"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How a token may be signed: with a key that only the provider has."""
_NAMES = ("preferred_username", "email", "sub")
_MAX_NAME_LENGTH = 80
_SESSION_SECONDS = 60 * 60
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10
_SESSION = "sign_on"
_UNTRUSTED = (JoseError, httpx2.HTTPError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
"""What Authlib raises on answers that are missing, malformed, or not signed for us."""

logger = logging.getLogger(__name__)


class SignOnError(MeterhouseError):
    """The provider did not vouch for anybody, or for somebody who has no role here."""


@dataclass(frozen=True)
class Vouched:
    """Somebody the provider vouches for: how they are called, which id they have there, what they may do here."""

    name: str
    subject: str
    role: Role


class SignOn:
    """The provider that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Read the settings; nothing is asked of the provider yet.

        Raises:
            UsageError: A setting is missing, or the issuer is not reached over HTTPS.
        """
        issuer, client_id = settings.oidc_issuer or "", settings.oidc_client_id
        self._issuer, self._claim = issuer, settings.oidc_role_claim
        self._roles = {
            Role.ADMIN: _values(settings.oidc_admins),
            Role.VIEWER: _values(settings.oidc_viewers),
        }
        if client_id is None or not any(self._roles.values()):
            raise UsageError(
                "METERHOUSE_OIDC_ISSUER is set, but not who may log in.",
                "Set METERHOUSE_OIDC_CLIENT_ID, and METERHOUSE_OIDC_ADMINS or METERHOUSE_OIDC_VIEWERS.",
            )
        address = urlsplit(issuer)
        is_here = address.hostname in ("127.0.0.1", "localhost", "::1")
        if address.scheme != "https" and not (address.scheme == "http" and is_here):
            raise UsageError(
                "METERHOUSE_OIDC_ISSUER is no https:// address.",
                "Give the issuer as the provider's discovery document writes it.",
            )
        self.title = settings.oidc_title
        self._client_id = client_id
        self._done_url = settings.console_url.rstrip("/") + DONE_PATH
        meaning = (issuer, client_id, self._claim, settings.oidc_admins, settings.oidc_viewers)
        self._stamp = hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]
        secret = settings.oidc_client_secret
        self._client = OAuth().register(
            "oidc",
            client_id=client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=issuer.rstrip("/") + _DISCOVERY,
            client_kwargs={
                "scope": "openid profile email",
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_SECONDS,
            },
        )

    async def begin(self, request: Request) -> Response:
        """Send the visitor to the provider.

        Raises:
            SignOnError: The provider cannot be reached, or is not the one it should be.
        """
        try:
            await self._check_provider()
            answer: Response = await self._client.authorize_redirect(request, self._done_url)
        except _UNTRUSTED as error:
            raise self._refused(error) from None
        return answer

    async def finish(self, request: Request) -> Vouched:
        """Whom the provider vouches for, once the visitor is back.

        The token must be signed with a key of the provider, name it as its issuer and us as its audience, carry the
        nonce of this visit, and not have run out.

        Raises:
            SignOnError: It vouches for nobody, or for somebody without a role here.
        """
        try:
            await self._check_provider()
            token = await self._client.authorize_access_token(
                request,
                leeway=_LEEWAY_SECONDS,
                claims_options={
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
            )
            claims = token["userinfo"]
        except MismatchingStateError:
            raise SignOnError(
                "This log-in was begun in another browser or too long ago.", "Begin it again."
            ) from None
        except (OAuthError, *_UNTRUSTED) as error:
            raise self._refused(error) from None
        return self._vouched(claims)

    def remember(self, request: Request, vouched: Vouched) -> None:
        """Let the visitor in, for an hour: then the provider is asked again."""
        request.session.clear()
        request.session[_SESSION] = {
            "name": vouched.name,
            "role": vouched.role,
            "stamp": self._stamp,
            "until": time.time() + _SESSION_SECONDS,
        }

    def user_of(self, request: Request) -> User | None:
        """Whom the session was given to; None when it has ended, or the settings have changed since."""
        kept = request.session.get(_SESSION)
        if kept is None or kept["stamp"] != self._stamp or kept["until"] < time.time():
            return None
        return User(kept["name"], Role(kept["role"]))

    async def _check_provider(self) -> None:
        """Load what the provider says of itself, and believe of it only what we asked for.

        Raises:
            ValueError: It is another issuer, or signs with nothing that only it knows.
        """
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            raise ValueError("issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in _ALGORITHMS]
        if not metadata["id_token_signing_alg_values_supported"]:
            raise ValueError("algorithm")

    def _refused(self, error: Exception) -> SignOnError:
        logger.warning("A log-in at %s failed (%s)", self._issuer, type(error).__name__)
        if isinstance(error, httpx2.HTTPError):
            return SignOnError(
                f"{self.title} cannot be reached or does not answer as it should.", "Try again later."
            )
        return SignOnError(
            f"{self.title} did not vouch for you in a way that can be trusted.", "Begin the log-in again."
        )

    def _vouched(self, claims: dict[str, Any]) -> Vouched:
        said = claims.get(self._claim, ())
        values = {said} if isinstance(said, str) else {str(one) for one in said}
        if self._claim == "email" and claims.get("email_verified") is not True:
            values = set()
        role = next((role for role, wanted in self._roles.items() if values & wanted), None)
        claimed = next(str(claims[name]) for name in _NAMES if claims.get(name))
        name = "".join(filter(str.isprintable, claimed))[:_MAX_NAME_LENGTH]
        if role is None:
            raise SignOnError(
                f"{self.title} knows you as {name}, but you have no role here.",
                f"Whoever runs this console sets whose claim `{self._claim}` has one.",
            )
        return Vouched(f"{name} ({self.title})", str(claims["sub"]), role)


def _values(listed: str | None) -> frozenset[str]:
    """A comma-separated list of a setting."""
    return frozenset(one.strip() for one in (listed or "").split(",") if one.strip())
