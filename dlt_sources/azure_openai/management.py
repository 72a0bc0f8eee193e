"""Azure Resource Manager: signing in, and reading an answer to its last page.

What belongs here: tokens, `nextLink`, names of fields, and what a refusal means for which role. What does not:
what is asked (`costs.py`, `metrics.py`, `resources.py`), when to try again (`dlt_sources/http.py`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.contract import Fault, ProviderError
from dlt_sources.errors import Api, RequestRefusedError, broken_contract
from dlt_sources.http import PAGE_CAP, HeaderAuth, Patience, PatientSession, build_client

_SIGN_IN_STEP = (
    "In Microsoft Entra open App registrations, check the tenant and client id, and under Certificates & secrets "
    "create a new client secret; enter its Value here (not its Secret ID)."
)
ENTRA = Api(title="Microsoft Entra ID", credentials_step=_SIGN_IN_STEP, permission_step=_SIGN_IN_STEP)


def cost_api(credentials: AzureCredentials) -> Api:
    """Cost Management, for which the app needs a role on the scope (contract Azure §3.1)."""
    return Api(
        title="Azure Cost Management",
        credentials_step=_SIGN_IN_STEP,
        permission_step="Grant the app the role Cost Management Reader (for a billing account: its billing reader "
        f"role) on {credentials.scope}: Access control (IAM) → Add role assignment. It takes some minutes to work.",
    )


def monitor_api(credentials: AzureCredentials) -> Api:
    """Azure Monitor and the list of accounts, for which the app needs a role on the resources (§3.1)."""
    where = ", ".join(credentials.account_ids) or (
        credentials.scope
        if credentials.is_within_subscription
        else "the subscriptions that hold the accounts"
    )
    return Api(
        title="Azure Monitor",
        credentials_step=_SIGN_IN_STEP,
        permission_step=f"Grant the app the role Monitoring Reader on {where}: Access control (IAM) → "
        "Add role assignment. It takes some minutes to work.",
    )


def signed_in(credentials: AzureCredentials, api: Api, patience: Patience) -> RESTClient:
    """Client with a fresh token, which holds for about an hour: sign in for each piece of work (§3.1).

    Raises:
        ProviderError: the app cannot sign in.
    """
    token = _token(credentials, patience)
    auth = HeaderAuth("Authorization", f"Bearer {token}")
    headers = {"ClientType": "meterhouse"}
    return build_client(api, credentials.management_url, auth, token, patience, headers)


def read_pages(
    client: RESTClient,
    path: str,
    params: Mapping[str, Any],
    link_at: tuple[str, ...] = ("nextLink",),
    question: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Bodies of all pages at `path`; `question`, if there is one, is posted again for every page (§3.2).

    Raises:
        ProviderError: a page could not be read, or the pages do not add up.
    """
    pages = client.paginate(
        path,
        method="GET" if question is None else "POST",
        params=dict(params),
        json=question,
        paginator=NextLinkPaginator(link_at),
        data_selector="$",
        hooks={"response": []},
    )
    for page in pages:
        yield page[0]


def read_list(client: RESTClient, path: str, api_version: str) -> Iterator[dict[str, Any]]:
    """Every element of `value` on every page at `path`.

    Raises:
        ProviderError: a page could not be read, or is no list of objects.
    """
    for body in read_pages(client, path, {"api-version": api_version}):
        yield from objects_in(body, "value", path)


def objects_in(body: dict[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """The list of objects that a field holds.

    Raises:
        ProviderError: it holds anything else.
    """
    items = body.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise broken_contract(f"An answer of {where} lacks its list of objects `{name}`.")
    return items


def snake_case(name: str) -> str:
    """Azure's `UsageQuantity` or `CostUSD` as a column is named here."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class NextLinkPaginator(BasePaginator):
    """Asks the same question again with the query of `nextLink`, failing closed: every link is new.

    Only the query is taken: the token never goes to another host or path than the one that was asked.
    """

    def __init__(self, link_at: tuple[str, ...], page_cap: int = PAGE_CAP) -> None:
        super().__init__()
        self._link_at, self._page_cap = link_at, page_cap
        self._seen: set[str] = set()
        self._query: dict[str, str] = {}

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:  # noqa: ARG002
        """Read the link to the next page.

        Raises:
            ProviderError: the link is none, came before, or there are too many.
        """
        path = (response.request.path_url or "").partition("?")[0]
        link: Any = response.json()
        for name in self._link_at:
            link = link.get(name) if isinstance(link, dict) else None
        self._has_next_page = bool(link)
        if not link:
            return
        self._query = dict(parse_qsl(urlsplit(link).query)) if isinstance(link, str) else {}
        if not self._query:
            raise broken_contract(f"A page of {path} says that more follow but gives no link to them.")
        if link in self._seen:
            raise broken_contract(f"The pages of {path} go in a circle: a link came twice.")
        self._seen.add(link)
        if len(self._seen) >= self._page_cap:
            raise broken_contract(
                f"The pages of {path} do not end: {self._page_cap} were read and more follow."
            )

    def update_request(self, request: Request) -> None:
        """Ask for the next page."""
        if self._has_next_page:
            request.params = self._query


def _token(credentials: AzureCredentials, patience: Patience) -> str:
    """A bearer token by client credentials; whatever the login refuses is a matter of the form (§3.1)."""
    secret = credentials.client_secret.get_secret_value()
    form = {
        "grant_type": "client_credentials",
        "client_id": credentials.client_id,
        "client_secret": secret,
        "scope": f"{credentials.management_url}/.default",
    }
    url = f"{credentials.login_url}/{credentials.tenant_id}/oauth2/v2.0/token"
    try:
        token = PatientSession(ENTRA, secret, patience).post(url, data=form).json().get("access_token")
    except RequestRefusedError as refused:
        raise ProviderError(Fault.CREDENTIALS, refused.message, ENTRA.credentials_step) from None
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise broken_contract("Microsoft Entra ID answered a sign-in without a token.")
    return token
