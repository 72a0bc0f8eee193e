"""Credential form of a Databricks workspace, and signing in with it.

What belongs here: the fields, tokens, and what a refusal means. What does not: what is asked (`reports.py`).
"""

import re
from typing import Annotated

from dlt.sources.helpers.rest_client.client import RESTClient
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from dlt_sources.contract import Credentials, Fault, ProviderError
from dlt_sources.errors import Api, RequestRefusedError, broken_contract
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, PatientSession, build_client

AI_PRODUCTS = "MODEL_SERVING, AI_GATEWAY, AI_FUNCTIONS, VECTOR_SEARCH"
_SIGN_IN_STEP = (
    "In the workspace open Settings → Developer → Access tokens for a personal access token, or in the account console "
    "the service principal → Secrets for a client id and secret, and enter it here."
)
GRANTS_STEP = (
    "Let the user or service principal of this connection use the SQL warehouse (CAN USE), and as a metastore and "
    "account admin grant: USE CATALOG on system, USE SCHEMA on system.billing, SELECT on system.billing.usage and "
    "system.billing.list_prices."
)
API = Api(title="Databricks", credentials_step=_SIGN_IN_STEP, permission_step=GRANTS_STEP, hides_as_404=True)


def _product_list(text: str) -> str:
    names = [name for name in re.split(r"[\s,]+", text.strip(" ,").upper()) if name]
    if not names or not all(re.fullmatch(r"[A-Z0-9_]+", name) for name in names):
        raise ValueError("products look like MODEL_SERVING, several of them separated by commas")
    return ",".join(dict.fromkeys(names))


class DatabricksCredentials(Credentials):
    """Credential form of a Databricks workspace."""

    host: BaseUrl = Field(
        title="Workspace URL",
        description="For example https://dbc-a1b2c3d4-e5f6.cloud.databricks.com or https://adb-123.4.azuredatabricks.net.",
    )
    warehouse_id: str = Field(
        pattern=r"^[0-9A-Za-z]+$",
        title="SQL warehouse id",
        description="From SQL Warehouses → the warehouse → Overview, behind its name; the smallest one will do.",
    )
    products: Annotated[str, AfterValidator(_product_list)] = Field(
        default=AI_PRODUCTS,
        validate_default=True,
        title="AI products",
        description="Values of billing_origin_product that count as AI, separated by commas.",
    )
    access_token: ApiKey | None = Field(
        default=None,
        title="Personal access token",
        description="Starts with dapi; leave it empty to sign in as a service principal.",
    )
    client_id: str | None = Field(
        default=None,
        pattern=r"^[\w-]+$",
        title="Client id",
        description="Application id of the service principal, in place of a personal access token.",
    )
    client_secret: ApiKey | None = Field(
        default=None,
        validate_default=True,
        title="Client secret",
        description="OAuth secret of the service principal.",
    )

    @property
    def secret(self) -> str:
        """The secret that was given, of whichever kind."""
        given = self.access_token or self.client_secret
        return given.get_secret_value() if given else ""

    @field_validator("client_secret")
    @classmethod
    def _is_one_way_to_sign_in(cls, secret: ApiKey | None, info: ValidationInfo) -> ApiKey | None:
        has_token, has_client = (bool(info.data.get(name)) for name in ("access_token", "client_id"))
        if (has_token, has_client, bool(secret)) not in ((True, False, False), (False, True, True)):
            raise ValueError("give either a personal access token, or a client id and its secret")
        return secret


def signed_in(credentials: DatabricksCredentials, patience: Patience) -> RESTClient:
    """Client with the token, or with a fresh one of the service principal, which holds for an hour.

    Raises:
        ProviderError: the service principal cannot sign in.
    """
    token = credentials.secret if credentials.access_token else _oauth_token(credentials, patience)
    auth = HeaderAuth("Authorization", f"Bearer {token}")
    return build_client(API, credentials.host, auth, token, patience)


def _oauth_token(credentials: DatabricksCredentials, patience: Patience) -> str:
    secret = credentials.secret
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    url, client = f"{credentials.host}/oidc/v1/token", (credentials.client_id or "", secret)
    try:
        answer = PatientSession(API, secret, patience).post(url, data=form, auth=client)
    except RequestRefusedError as refused:
        raise ProviderError(Fault.CREDENTIALS, refused.message, API.credentials_step) from None
    token = answer.json().get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
        raise broken_contract("Databricks answered a sign-in without a token.")
    return token
