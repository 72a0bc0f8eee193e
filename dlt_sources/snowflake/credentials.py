"""Credential form of a Snowflake account, and signing in with it.

What belongs here: the fields, tokens, and what a refusal means. What does not: what is asked (`reports.py`).
"""

import base64
import hashlib
import re
from datetime import timedelta
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from dlt.sources.helpers.rest_client.client import RESTClient
from google.auth import crypt, jwt
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from dlt_sources.buckets import utc_now
from dlt_sources.contract import Credentials, Fault, ProviderError
from dlt_sources.errors import Api
from dlt_sources.fields import ApiKey, BaseUrl
from dlt_sources.http import HeaderAuth, Patience, build_client

TOKEN_LIFE = timedelta(minutes=59)
"""Snowflake refuses a key-pair token that lives for more than an hour."""
GRANTS_STEP = (
    "As ACCOUNTADMIN grant the role of this connection: IMPORTED PRIVILEGES on the database SNOWFLAKE (or its database "
    "roles USAGE_VIEWER and, for money, ORGANIZATION_BILLING_VIEWER), and USAGE on its warehouse."
)
API = Api(
    title="Snowflake",
    credentials_step="Check account, user and role; give the user the public key that belongs to this private key "
    "(ALTER USER ... SET RSA_PUBLIC_KEY), or enter a programmatic access token that has not ended and whose network "
    "policy lets this machine in.",
    permission_step=GRANTS_STEP,
)


def _pem(secret: SecretStr) -> SecretStr:
    """A private key as PEM; its line breaks may come written out, as environment variables hold them."""
    text = secret.get_secret_value().replace("\\n", "\n").strip()
    if not re.fullmatch(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n.+\n-----END [A-Z ]*PRIVATE KEY-----", text, re.DOTALL
    ):
        raise ValueError("a private key is a PEM file, from its line BEGIN to its line END")
    return SecretStr(text)


def _service_list(text: str) -> str:
    names = [name for name in re.split(r"[\s,]+", text.strip(" ,").upper()) if name]
    if not names or not all(re.fullmatch(r"[A-Z0-9_]+", name) for name in names):
        raise ValueError("service types look like AI_SERVICES, several of them separated by commas")
    return ",".join(dict.fromkeys(names))


class SnowflakeCredentials(Credentials):
    """Credential form of a Snowflake account."""

    account: str = Field(
        pattern=r"^[A-Za-z0-9][\w.-]*$",
        title="Account identifier",
        description="As in myorg-myaccount; from the account menu → View account details.",
    )
    user: str = Field(
        pattern=r"^[^\s]+$",
        title="User",
        description="A user of type SERVICE, made for this connection.",
    )
    role: str = Field(pattern=r"^[^\s]+$", title="Role", description="The role that may read the views.")
    warehouse: str = Field(
        pattern=r"^[^\s]+$", title="Warehouse", description="Where the queries run; the smallest one will do."
    )
    private_key: Annotated[SecretStr, AfterValidator(_pem)] | None = Field(
        default=None,
        title="Private key",
        description="PEM (PKCS#8) whose public key the user has; leave it empty to use a programmatic access token.",
    )
    private_key_passphrase: SecretStr | None = Field(
        default=None, title="Passphrase", description="Of the private key, if it is encrypted."
    )
    access_token: ApiKey | None = Field(
        default=None,
        validate_default=True,
        title="Programmatic access token",
        description="In place of a private key.",
    )
    cost_source: Literal["organization_usage", "credit_price", "none"] = Field(
        default="organization_usage",
        title="Where money comes from",
        description="organization_usage for what the contract bills; credit_price for credits at the price below; "
        "none to leave cost unknown.",
    )
    credit_price_usd: str | None = Field(
        default=None,
        pattern=r"^\d{1,6}(\.\d{1,6})?$",
        validate_default=True,
        title="Price of a credit",
        description="Dollars for one credit by your contract; needed only if money comes from credit_price.",
    )
    service_types: Annotated[str, AfterValidator(_service_list)] = Field(
        default="AI_SERVICES",
        title="AI service types",
        description="Values of SERVICE_TYPE that count as AI, separated by commas.",
    )
    base_url: BaseUrl | None = Field(
        default=None, title="Account URL", description="Only for private connectivity or a proxy."
    )

    @field_validator("access_token")
    @classmethod
    def _is_one_way_to_sign_in(cls, token: ApiKey | None, info: ValidationInfo) -> ApiKey | None:
        if bool(token) == bool(info.data.get("private_key")):
            raise ValueError("give either a private key or a programmatic access token")
        return token

    @field_validator("credit_price_usd")
    @classmethod
    def _is_there_when_needed(cls, price: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("cost_source") == "credit_price" and price is None:
            raise ValueError("it is needed when money comes from credit_price")
        return price

    @property
    def url(self) -> str:
        """Where the SQL API answers."""
        host = self.account.lower().replace("_", "-")
        return self.base_url or f"https://{host}.snowflakecomputing.com"

    @property
    def price_of_credit(self) -> str | None:
        """Dollars for a credit, if money is to come from that."""
        return self.credit_price_usd if self.cost_source == "credit_price" else None

    @property
    def names_in_bill(self) -> tuple[str, str]:
        """The account's name and its locator, of which the account identifier is one, as they are compared."""
        identifier = self.account.upper().replace("_", "-")
        return identifier.partition("-")[2], identifier.partition(".")[0]


def signed_in(credentials: SnowflakeCredentials, patience: Patience) -> RESTClient:
    """Client with the access token, or with a fresh key-pair token, which holds for less than an hour.

    Raises:
        ProviderError: the private key cannot be read.
    """
    given = credentials.access_token
    token = given.get_secret_value() if given else _key_pair_token(credentials)
    kind = "PROGRAMMATIC_ACCESS_TOKEN" if given else "KEYPAIR_JWT"
    headers = {"Accept": "application/json", "X-Snowflake-Authorization-Token-Type": kind}
    auth = HeaderAuth("Authorization", f"Bearer {token}")
    return build_client(API, credentials.url, auth, token, patience, headers)


def _key_pair_token(credentials: SnowflakeCredentials) -> str:
    """A JWT signed with the private key; its issuer names account, user and the fingerprint of the public key."""
    pem = credentials.private_key.get_secret_value() if credentials.private_key else ""
    phrase = credentials.private_key_passphrase
    password = phrase.get_secret_value().encode() if phrase and phrase.get_secret_value() else None
    try:
        key = serialization.load_pem_private_key(pem.encode(), password)
        plain = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signer = crypt.RSASigner.from_string(plain)  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        sentence = (
            "The private key cannot be read: it is no RSA key in PEM, or its passphrase is missing or wrong."
        )
        raise ProviderError(Fault.CREDENTIALS, sentence, API.credentials_step) from None
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fingerprint = base64.b64encode(hashlib.sha256(public).digest()).decode()
    subject = f"{credentials.account.partition('.')[0].upper()}.{credentials.user.upper()}"
    now = int(utc_now().timestamp())
    claims = {
        "iss": f"{subject}.SHA256:{fingerprint}",
        "sub": subject,
        "iat": now,
        "exp": now + int(TOKEN_LIFE.total_seconds()),
    }
    token: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return token.decode()
