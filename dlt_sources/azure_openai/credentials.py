"""Azure's credential form: an app registration, whose bill it reads, and which accounts it measures.

What belongs here: the fields and their forms. What does not: signing in with them (`management.py`).
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dlt_sources.contract import Credentials
from dlt_sources.fields import ApiKey, BaseUrl

_SUBSCRIPTION = r"subscriptions/[\w-]+"
_SCOPE = re.compile(
    rf"{_SUBSCRIPTION}(/resourceGroups/[^/\s]+)?"
    r"|providers/Microsoft\.Management/managementGroups/[^/\s]+"
    r"|providers/Microsoft\.Billing/billingAccounts/[^/\s]+"
    r"(/billingProfiles/[^/\s]+(/invoiceSections/[^/\s]+)?"
    r"|/(departments|enrollmentAccounts|customers)/[^/\s]+)?",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    rf"/{_SUBSCRIPTION}/resourcegroups/[^/\s]+/providers/microsoft\.cognitiveservices/accounts/[^/\s]+"
)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _scope(text: str) -> str:
    bare = text.strip().strip("/")
    scope = f"subscriptions/{bare}" if _GUID.fullmatch(bare) else bare
    if not _SCOPE.fullmatch(scope):
        raise ValueError(
            "a scope is a subscription id, or a path like subscriptions/<id>, subscriptions/<id>/resourceGroups/"
            "<name>, providers/Microsoft.Management/managementGroups/<id> or "
            "providers/Microsoft.Billing/billingAccounts/<id>"
        )
    return scope


def _account_ids(text: str) -> str:
    ids = [f"/{part.strip('/')}" for part in re.split(r"[,\s]+", text.lower()) if part]
    if not all(map(_ACCOUNT.fullmatch, ids)):
        raise ValueError(
            "a resource id looks like /subscriptions/<id>/resourceGroups/<name>/providers/"
            "Microsoft.CognitiveServices/accounts/<name>; separate several by commas"
        )
    return ",".join(ids)


class AzureCredentials(Credentials):
    """Credential form of an Azure scope and the Azure OpenAI accounts in it."""

    tenant_id: str = Field(
        pattern=r"^[\w.-]+$",
        title="Tenant id",
        description="Directory (tenant) id of the app registration; from its Overview page in Microsoft Entra.",
    )
    client_id: str = Field(
        pattern=r"^[\w.-]+$",
        title="Client id",
        description="Application (client) id of the app registration; from the same page.",
    )
    client_secret: ApiKey = Field(
        title="Client secret",
        description="The secret's Value, not its Secret ID; from Certificates & secrets of the app registration.",
    )
    scope: Annotated[str, AfterValidator(_scope)] = Field(
        title="Scope",
        description="Whose bill to read: a subscription id, or the path of a resource group, management group "
        "or billing account.",
    )
    resource_ids: Annotated[str, AfterValidator(_account_ids)] = Field(
        default="",
        title="Account resource ids",
        description="Azure OpenAI or Foundry accounts whose tokens to read, separated by commas; "
        "left empty, all in the scope are found.",
    )
    cost_column: Literal["Cost", "CostUSD"] = Field(
        default="Cost",
        title="Cost column",
        description="Cost for a bill in dollars; CostUSD (Azure's own conversion) for one in another currency.",
    )
    marketplace_meters: str = Field(
        default="",
        title="Marketplace meters",
        description="Meters of Marketplace models to count as well, such as that of Claude in Foundry: exactly "
        "as Cost analysis names them, separated by commas.",
    )
    login_url: BaseUrl = Field(
        default="https://login.microsoftonline.com",
        validate_default=True,
        title="Login URL",
        description="Where tokens are issued; change it only for a sovereign cloud or a proxy.",
    )
    management_url: BaseUrl = Field(
        default="https://management.azure.com",
        validate_default=True,
        title="Management URL",
        description="Where Azure Resource Manager answers; change it only for a sovereign cloud or a proxy.",
    )

    @property
    def is_within_subscription(self) -> bool:
        """Whether the scope is a subscription or a part of one."""
        return self.scope.lower().startswith("subscriptions/")

    @property
    def account_ids(self) -> list[str]:
        """Resource ids that were named, in lower case; empty means: find them."""
        return self.resource_ids.split(",") if self.resource_ids else []

    @property
    def marketplace_meter_names(self) -> list[str]:
        """Marketplace meters to count as well."""
        return [name.strip() for name in self.marketplace_meters.split(",") if name.strip()]
