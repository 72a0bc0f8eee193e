"""Credential form of a GitHub organization or enterprise, and what to do when GitHub refuses.

What belongs here: the fields, and which right is missing. What does not: what is asked (`reports.py`).
"""

from typing import Literal

from pydantic import Field

from dlt_sources.contract import Credentials
from dlt_sources.errors import Api
from dlt_sources.fields import ApiKey, BaseUrl


class GitHubCredentials(Credentials):
    """Credential form of a GitHub account that pays for Copilot."""

    account: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        title="Organization or enterprise",
        description="Its short name as it stands in its URL on github.com.",
    )
    account_kind: Literal["organization", "enterprise"] = Field(
        default="organization",
        title="Kind of account",
        description="organization or enterprise: whoever is billed for Copilot.",
    )
    token: ApiKey = Field(
        title="Token",
        description="Organization: fine-grained token with Administration read. Enterprise: classic token of an "
        "owner or billing manager.",
    )
    base_url: BaseUrl = Field(
        default="https://api.github.com",
        validate_default=True,
        title="Base URL",
        description="Where the API answers; https://api.<subdomain>.ghe.com with data residency.",
    )
    api_version: str = Field(
        default="2026-03-10",
        pattern=r"^\d{4}-\d{2}-\d{2}$",
        title="API version",
        description="Version of the REST API to speak.",
    )

    @property
    def billing_path(self) -> str:
        """Where the account's bill stands (§5.2)."""
        return f"/{self.account_kind}s/{self.account}/settings/billing"


def billing_api(credentials: GitHubCredentials) -> Api:
    """The account's bill, which GitHub hides (HTTP 404) from whom it is not for."""
    if credentials.account_kind == "enterprise":
        right = (
            "Enter a classic personal access token (scope manage_billing:enterprise) of an owner or billing manager of "
            f"the enterprise {credentials.account}; fine-grained tokens do not work for enterprises."
        )
    else:
        right = (
            f"Enter a fine-grained token of an owner, with the resource owner {credentials.account} and the "
            "organization permission Administration: read. If an enterprise pays for the organization, connect the "
            "enterprise instead."
        )
    step = (
        "On github.com open Settings → Developer settings → Personal access tokens and create a token. "
        + right
    )
    return Api(title="GitHub", credentials_step=step, permission_step=right, hides_as_404=True)
