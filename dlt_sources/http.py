"""The one HTTP client: patient, exact, and silent about secrets.

Answers are decoded so that a decimal reaches a row as the digits that were sent, never through a float;
passing failures are tried again; whatever remains is a `ProviderError`. Paging is dlt's, made to fail closed.
What does not belong here: what any provider's paths or fields are.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from dlt.sources.helpers.requests.session import Session
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator, JSONResponseCursorPaginator
from pydantic import SecretStr
from requests import ConnectionError as NoConnection
from requests import PreparedRequest, RequestException, Response, Timeout
from requests.auth import AuthBase
from requests.exceptions import ChunkedEncodingError
from requests.structures import CaseInsensitiveDict
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
)

from dlt_sources.addresses import GuardedAdapter
from dlt_sources.contract import ProviderError
from dlt_sources.errors import Api, broken_contract, http_failure, is_rate_limited, scrubber
from dlt_sources.spending import count_request

PAGE_CAP = 1_000
USER_AGENT = "meterhouse/0.1"
_PASSING_STATUSES = frozenset({408, 409, 424, 429})
_SECONDS = re.compile(r"\d+(\.\d+)?")
_QUOTA_WAIT = re.compile(r"x-ms-ratelimit-.*-retry-after", re.IGNORECASE)
_PASSING_ERRORS = (NoConnection, Timeout, ChunkedEncodingError)


@dataclass(frozen=True)
class Patience:
    """How long one request is waited for and tried again; all in seconds but `tries`."""

    tries: int = 6
    deadline: float = 900.0
    timeout: float = 60.0
    first_wait: float = 1.0
    longest_wait: float = 60.0


class HeaderAuth(AuthBase):
    """Puts the key in its header when a request is prepared, so that no client log ever holds it."""

    def __init__(self, header: str, value: str) -> None:
        self._header, self._value = header, value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign the request."""
        request.headers[self._header] = self._value
        return request


class PatientSession(Session):
    """Sends a request until it is answered well, or raises a `ProviderError`.

    Redirects are answers that nobody promised: following one would carry the key to another host.
    """

    def __init__(self, api: Api, secret: str, patience: Patience, status_field: str | None = None) -> None:
        super().__init__(timeout=patience.timeout, raise_for_status=False)
        self.headers["User-Agent"] = USER_AGENT
        for scheme in ("http://", "https://"):
            self.mount(scheme, GuardedAdapter())
        self._api = api
        self._scrub = scrubber(secret)
        self._patience = patience
        self._status_field = status_field

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """The answer (status 2xx, body already decoded exactly; 204, no content, is an empty object).

        Raises:
            ProviderError: tries or deadline exhausted, or refused, or not JSON.
        """
        path = request.path_url.partition("?")[0]
        retrying = Retrying(
            retry=retry_if_result(self.is_passing),
            wait=self._wait,
            stop=stop_after_attempt(self._patience.tries) | stop_before_delay(self._patience.deadline),
            retry_error_callback=_last_answer,
        )
        answer: Response | RequestException = retrying(
            self._attempt, request, kwargs | {"allow_redirects": False}
        )
        if not isinstance(answer, Response) or not 200 <= answer.status_code < 300:
            raise self.failure(answer, path)
        body = {} if answer.status_code == 204 else _decode(answer.content)
        if body is None:
            raise broken_contract(
                f"{self._api.title} answered {path} with something that is not a JSON object."
            )
        answer.json = lambda **_: body  # type: ignore[method-assign]
        return answer

    def is_passing(self, answer: Response | RequestException) -> bool:
        """Whether another try may be answered better; a provider whose statuses say too little overrides it."""
        if isinstance(answer, Response):
            is_limited = answer.status_code == 403 and is_rate_limited(answer)
            return answer.status_code in _PASSING_STATUSES or answer.status_code >= 500 or is_limited
        return isinstance(answer, _PASSING_ERRORS)

    def failure(self, answer: Response | RequestException, path: str) -> ProviderError:
        """What the last answer means; likewise."""
        return http_failure(self._api, answer, path, self._scrub)

    def _attempt(self, request: PreparedRequest, kwargs: dict[str, Any]) -> Response | RequestException:
        """One try. An error is returned, not raised: it holds the signed request, which no traceback may."""
        count_request()
        try:
            answer: Response = super().send(request, **kwargs)  # type: ignore[no-untyped-call]
        except RequestException as error:
            return error
        if self._status_field and answer.status_code == 200:
            answer.status_code = _status_in_body(answer.content, self._status_field)
        return answer

    def _wait(self, state: RetryCallState) -> float:
        """Seconds until the next try: what the provider asked for, else exponential with jitter."""
        answer = _last_answer(state)
        asked = asked_wait(answer.headers) if isinstance(answer, Response) else None
        first, longest = self._patience.first_wait, self._patience.longest_wait
        return (
            wait_exponential_jitter(initial=first, max=longest, jitter=first)(state)
            if asked is None
            else asked
        )


class StrictCursorPaginator(JSONResponseCursorPaginator):
    """dlt's cursor paginator, failing closed: every page says whether more follow, every cursor is new."""

    def __init__(self, cursor_path: str, cursor_param: str, page_cap: int = PAGE_CAP) -> None:
        super().__init__(cursor_path=cursor_path, cursor_param=cursor_param, has_more_path="has_more")
        self._page_cap = page_cap
        self._cursors: set[str] = set()
        self._page_count = 0

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Read the cursor of the next page.

        Raises:
            ProviderError: no `data` or `has_more`; more pages but no cursor; a cursor seen before; too many
                pages.
        """
        body, path = response.json(), (response.request.path_url or "").partition("?")[0]
        if not isinstance(body.get("data"), list) or not isinstance(body.get("has_more"), bool):
            raise broken_contract(f"A page of {path} lacks its list `data` or its flag `has_more`.")
        super().update_state(response, data)
        if not body["has_more"]:
            return
        self._page_count += 1
        if not isinstance(self._next_reference, str):
            raise broken_contract(f"A page of {path} says that more follow but gives no cursor to them.")
        if self._next_reference in self._cursors:
            raise broken_contract(f"The pages of {path} go in a circle: a cursor came twice.")
        if self._page_count >= self._page_cap:
            raise broken_contract(
                f"The pages of {path} do not end: {self._page_cap} were read and more follow."
            )
        self._cursors.add(self._next_reference)


def build_client(
    api: Api,
    base_url: str,
    auth: AuthBase,
    secret: str,
    patience: Patience,
    headers: dict[str, str] | None = None,
    status_field: str | None = None,
) -> RESTClient:
    """Client of one provider account; `secret` is only kept to be struck out of messages.

    `status_field` is where bodies hold the real status, for a provider that fails with HTTP 200.
    """
    session = PatientSession(api, secret, patience, status_field)
    return RESTClient(base_url, headers=headers, auth=auth, session=session)


def keyed_client(
    api: Api,
    base_url: str,
    key: SecretStr,
    patience: Patience,
    header: str = "Authorization",
    prefix: str = "Bearer ",
) -> RESTClient:
    """Client of one provider account that sends one key in one header."""
    secret = key.get_secret_value()
    return build_client(api, base_url, HeaderAuth(header, prefix + secret), secret, patience)


def read_items(
    client: RESTClient, path: str, params: Mapping[str, Any], paginator: BasePaginator
) -> Iterator[dict[str, Any]]:
    """Every element of `data` on every page at `path`, the same query repeated with the cursor of each page.

    Raises:
        ProviderError: a page could not be read, or an element is not an object.
    """
    pages = client.paginate(
        path, params=dict(params), paginator=paginator, data_selector="$", hooks={"response": []}
    )
    for page in pages:
        for item in page[0]["data"]:
            if not isinstance(item, dict):
                raise broken_contract(f"An element of `data` at {path} is not an object.")
            yield item


def asked_wait(headers: Mapping[str, str] | CaseInsensitiveDict[str]) -> float | None:
    """Seconds to wait, as the provider asks; None if unasked.

    Understood are `retry-after-ms` or else `Retry-After` (seconds or HTTP date) or else, where nothing remains,
    GitHub's `x-ratelimit-reset` (epoch seconds, contract page B §5.2); and Azure's waits per quota
    (`x-ms-ratelimit-...-retry-after`, seconds), of which the longest counts (contract Azure §3.2).
    """
    quotas = [value for name, value in headers.items() if _QUOTA_WAIT.fullmatch(name)]
    waits = [float(value) for value in quotas if _SECONDS.fullmatch(value)]
    general = _general_wait(headers)
    return max([*waits, general] if general is not None else waits, default=None)


def _general_wait(headers: Mapping[str, str] | CaseInsensitiveDict[str]) -> float | None:
    milliseconds, after = headers.get("retry-after-ms", ""), headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    if _SECONDS.fullmatch(after):
        return float(after)
    at = _reset_at(headers) if not after else _http_date(after)
    return max(0.0, (at - datetime.now(UTC)).total_seconds()) if at else None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC)


def _reset_at(headers: Mapping[str, str] | CaseInsensitiveDict[str]) -> datetime | None:
    """When a used-up limit begins anew; ten digits are seconds, others (milliseconds) are not GitHub's."""
    reset = headers.get("x-ratelimit-reset", "")
    is_used_up = headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"\d{10}", reset)
    return datetime.fromtimestamp(int(reset), UTC) if is_used_up else None


def _last_answer(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


def _decode(content: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, its decimals as text; None when it is anything else."""
    try:
        body = json.loads(content, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _status_in_body(content: bytes, field: str) -> int:
    """The status a body gives; 200 without one, 500 for a code of the provider's own."""
    code = (_decode(content) or {}).get(field, 200)
    return code if isinstance(code, int) and (code == 200 or 400 <= code < 600) else 500


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")
