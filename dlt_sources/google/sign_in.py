"""Signing in to Google with the service account of the form, and with nothing else of the machine's.

What belongs here: the signed assertion and the token it is exchanged for (contract Google §2.1), and how Google's
APIs word a refusal. What does not: what is asked with the token (`bigquery.py`, `monitoring.py`).
"""

import re
import time
from typing import Any

from google.auth import jwt
from google.auth.crypt import RSASigner
from requests import RequestException, Response

from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import Api, RequestRefusedError, broken_contract
from dlt_sources.google.form import GoogleCredentials
from dlt_sources.http import HeaderAuth, Patience, PatientSession

BIGQUERY_SCOPE = "https://www.googleapis.com/auth/bigquery"
MONITORING_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
SIGN_IN_STEP = (
    "In Google Cloud open IAM → Service accounts, see that the account is enabled, add a new JSON key under Keys, and "
    "enter the whole file again; a clock that is wrong by minutes makes Google refuse a good key too."
)
_SIGN_IN = Api(title="Google's sign-in", credentials_step=SIGN_IN_STEP, permission_step=SIGN_IN_STEP)
_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_VALID_SECONDS = 3_600
_PASSING_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "backendError", "internalError"})
_SPENT_REASONS = _PASSING_REASONS | {"quotaExceeded"}


class GoogleSession(PatientSession):
    """Signed in; Google says limits of rate and quota with status 403, and why in a reason."""

    def __init__(self, api: Api, token: str, patience: Patience) -> None:
        super().__init__(api, token, patience)
        self.auth = HeaderAuth("Authorization", f"Bearer {token}")

    def is_passing(self, answer: Response | RequestException) -> bool:
        """Whether another try may be answered better."""
        return super().is_passing(answer) or reason_of(answer) in _PASSING_REASONS

    def failure(self, answer: Response | RequestException, path: str) -> ProviderError:
        """What the last answer means."""
        general = super().failure(answer, path)
        if reason_of(answer) in _SPENT_REASONS and general.fault is Fault.PERMISSION:
            sentence = general.message.replace(
                "accepts the key but does not let it read this", "limits requests"
            )
            step = "The next sync tries again; see the project's quotas in Google Cloud if it stays."
            return ProviderError(Fault.RATE_LIMITED, sentence, step)
        return general


def signed_in(form: GoogleCredentials, scope: str, patience: Patience) -> str:
    """A bearer token, which holds for an hour: sign in for each piece of work.

    Raises:
        ProviderError: Google does not take the service account.
    """
    account = form.service_account
    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": scope,
        "aud": account["token_uri"],
        "iat": now,
        "exp": now + _VALID_SECONDS,
    }
    signer = RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]
    assertion = jwt.encode(signer, claims).decode()  # type: ignore[no-untyped-call]
    session = PatientSession(_SIGN_IN, assertion, patience)
    try:
        answer = session.post(account["token_uri"], data={"grant_type": _GRANT_TYPE, "assertion": assertion})
    except RequestRefusedError as refused:
        raise ProviderError(Fault.CREDENTIALS, refused.message, SIGN_IN_STEP) from None
    token = answer.json().get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise broken_contract("Google answered a sign-in without a token.")
    return token


def reason_of(answer: Response | RequestException) -> str | None:
    """Why Google refuses, in its own word; None where it does not say (contract Google §2.5)."""
    if not isinstance(answer, Response) or answer.ok:
        return None
    try:
        body: Any = answer.json()
        return str(body["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
