"""Failures at a provider, said in words: which fault it is, one sentence, and the next step.

What belongs here: how an HTTP answer or a broken promise becomes a `ProviderError`, and how text is made safe
to show. What does not: when to try again (`http.py`), the error's own shape (`contract.py`).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from requests import RequestException, Response, Timeout

from dlt_sources.contract import Fault, ProviderError

MESSAGE_LIMIT = 300
_KEY_LIKE = re.compile(r"\b(?:sk|pk|key)-[\w*.…-]{4,}|\bBearer\s+\S+", re.IGNORECASE)
_MISSING_RIGHT = re.compile(r"missing scope|insufficient permission|only proxy admin", re.IGNORECASE)
_CONTRACT_STEP = (
    "Nothing was recorded and the next sync tries again; if it stays, check the base URL (a proxy may stand "
    "between) and compare the provider's page in docs/providers with its current API."
)


@dataclass(frozen=True)
class Api:
    """A provider's API as error messages name it."""

    title: str
    credentials_step: str
    """What to do when the key is not accepted."""
    permission_step: str
    """What to do when the key is accepted but may not read; names the right."""
    hides_as_404: bool = False
    """Whether what a key may not read is answered as if it did not exist."""


class RequestRefusedError(ProviderError):
    """The provider refused the question itself (HTTP 400 or 422): another way of asking may be accepted."""


class NotFoundError(ProviderError):
    """The provider knows no such thing (HTTP 404): what was asked about may be gone."""


def broken_contract(sentence: str) -> ProviderError:
    """Error for an answer that is not what the provider's documentation promises."""
    return ProviderError(Fault.CONTRACT, sentence, _CONTRACT_STEP)


def scrubber(secret: str) -> Callable[[str], str]:
    """Function that makes a provider's words safe to show: no key (this one or any), one line, not long."""

    def scrub(text: str) -> str:
        hidden = _KEY_LIKE.sub("***", text.replace(secret, "***"))
        return " ".join(hidden.split())[:MESSAGE_LIMIT]

    return scrub


def http_failure(
    api: Api, answer: Response | RequestException, path: str, scrub: Callable[[str], str]
) -> ProviderError:
    """What a failed request means: `answer` is the last response, or the error that came instead of one."""
    if not isinstance(answer, Response):
        manner = "did not answer in time" if isinstance(answer, Timeout) else "could not be reached"
        sentence = f"{api.title} {manner} at {path} ({type(answer).__name__})."
        return ProviderError(
            Fault.UNAVAILABLE, sentence, "Check the network and the base URL; the next sync tries again."
        )
    status, words = answer.status_code, scrub(_words(answer)).rstrip(".")
    request_id = scrub(_request_id(answer))
    said = (
        f"HTTP {status} at {path}"
        + (f", request {request_id}" if request_id else "")
        + (f": {words}" if words else "")
    )
    is_rate_limit = status == 429 or (status == 403 and is_rate_limited(answer))
    is_hidden = status == 404 and api.hides_as_404
    if (status == 403 and not is_rate_limit) or is_hidden or (status == 401 and _MISSING_RIGHT.search(words)):
        sentence = f"{api.title} accepts the key but does not let it read this ({said})."
        return ProviderError(Fault.PERMISSION, sentence, api.permission_step)
    if status == 401:
        sentence = f"{api.title} does not accept the key ({said})."
        return ProviderError(Fault.CREDENTIALS, sentence, api.credentials_step)
    if is_rate_limit:
        wait = answer.headers.get("Retry-After")
        asked = f" and asks to wait {scrub(wait)}" if wait else ""
        sentence = f"{api.title} limits the rate of requests{asked} ({said})."
        return ProviderError(
            Fault.RATE_LIMITED, sentence, "The next sync tries again; pull fewer days or less often."
        )
    if status == 402:
        sentence = f"{api.title} answers only when the account can pay ({said})."
        return ProviderError(
            Fault.PERMISSION, sentence, "Top up the account's credits or raise its budget, then sync again."
        )
    if status in (408, 409, 424) or status >= 500:
        sentence = f"{api.title} is unavailable ({said})."
        return ProviderError(
            Fault.UNAVAILABLE, sentence, "See the provider's status page; the next sync tries again."
        )
    if status in (400, 422):
        return RequestRefusedError(
            Fault.CONTRACT, f"{api.title} refuses the request ({said}).", _CONTRACT_STEP
        )
    if status == 404:
        return NotFoundError(Fault.CONTRACT, f"{api.title} answers unexpectedly ({said}).", _CONTRACT_STEP)
    return broken_contract(f"{api.title} answers unexpectedly ({said}).")


def is_rate_limited(answer: Response) -> bool:
    """Whether a refusal (HTTP 403) means: too many requests, as its headers say (contract GitHub §5.2)."""
    return "Retry-After" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"


def find_provider_error(error: BaseException) -> ProviderError | None:
    """The `ProviderError` that dlt wrapped in its own exceptions, if there is one."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ProviderError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _words(answer: Response) -> str:
    """The provider's own message; `error` is an object or a bare string (contract OpenAI §1.7).

    Beside a bare string OAuth puts the words into `error_description` (contract Azure §3.1). LiteLLM may say
    `detail` instead, a string or an object with `error` (contract LiteLLM §3.6), PiAPI and most others
    `message` (contract page B §4, §5), Cloudflare a list of `errors` (§5.12), ElevenLabs
    `detail.message` (§5.7), and Deepgram `err_msg` (§5.10).
    """
    try:
        body: Any = json.loads(answer.content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    detail = body.get("detail")
    if isinstance(detail, dict):
        detail = detail.get("error", detail.get("message"))
    error = body.get("error", detail)
    told = body.get("error_description") or body.get("message") or error or body.get("err_msg")
    message = error.get("message") if isinstance(error, dict) else told
    listed = body.get("errors")
    if message is None and isinstance(listed, list) and listed and isinstance(listed[0], dict):
        message = listed[0].get("message")
    return message if isinstance(message, str) else ""


def _request_id(answer: Response) -> str:
    """The provider's id of the request, which its support asks for."""
    return answer.headers.get("x-request-id") or answer.headers.get("request-id") or ""
