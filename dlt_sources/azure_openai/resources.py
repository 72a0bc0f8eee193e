"""How accounts and their deployments are found: the names behind costs and metrics.

What belongs here: lists of resources. What does not: what they cost or counted (`costs.py`, `metrics.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.azure_openai.credentials import AzureCredentials
from dlt_sources.azure_openai.management import monitor_api, read_list, signed_in
from dlt_sources.azure_openai.tables import ACCOUNTS, DEPLOYMENTS
from dlt_sources.contract import Fault, ProviderError, Row
from dlt_sources.errors import broken_contract
from dlt_sources.http import Patience

ACCOUNTS_API_VERSION = "2024-10-01"
SUBSCRIPTIONS_API_VERSION = "2022-12-01"
_MODEL_KINDS = frozenset({"openai", "aiservices"})
"""Kinds of account that serve models; the others (speech, vision) have no token metrics."""


@dataclass(frozen=True)
class ResourceReader:
    """Reads lists of resources with a given patience."""

    patience: Patience

    def accounts(self, credentials: AzureCredentials) -> Iterator[Row]:
        """Every account of the scope, those that serve no models too."""
        for account in _accounts(self._client(credentials), credentials):
            yield _account_row(account)

    def deployments(self, credentials: AzureCredentials) -> Iterator[Row]:
        """Every deployment of every account that serves models: its model, version and kind of capacity."""
        client = self._client(credentials)
        for account_id in metered_account_ids(client, credentials):
            for item in read_list(client, f"{account_id}/deployments", ACCOUNTS_API_VERSION):
                yield _deployment_row(item, account_id)

    def _client(self, credentials: AzureCredentials) -> RESTClient:
        return signed_in(credentials, monitor_api(credentials), self.patience)


def metered_account_ids(client: RESTClient, credentials: AzureCredentials) -> list[str]:
    """Resource ids, in lower case, of the accounts that serve models: those named in the form, else all found.

    Raises:
        ProviderError: the accounts could not be listed.
    """
    if credentials.account_ids:
        return credentials.account_ids
    rows = map(_account_row, _accounts(client, credentials))
    return [row["id"] for row in rows if row["kind"] is None or row["kind"].lower() in _MODEL_KINDS]


def _accounts(client: RESTClient, credentials: AzureCredentials) -> Iterator[dict[str, Any]]:
    for account_id in credentials.account_ids:
        yield client.get(account_id, params={"api-version": ACCOUNTS_API_VERSION}).json()
    if credentials.account_ids:
        return
    for place in _places(client, credentials):
        path = f"/{place}/providers/Microsoft.CognitiveServices/accounts"
        yield from read_list(client, path, ACCOUNTS_API_VERSION)


def _places(client: RESTClient, credentials: AzureCredentials) -> list[str]:
    """Where to look for accounts: the scope itself, or under a wider one every subscription the app can see."""
    if credentials.is_within_subscription:
        return [credentials.scope]
    items = read_list(client, "/subscriptions", SUBSCRIPTIONS_API_VERSION)
    places = [f"subscriptions/{item.get('subscriptionId')}" for item in items]
    if not places:
        raise ProviderError(
            Fault.PERMISSION,
            "Azure Monitor accepts the key but lets it see no subscription.",
            monitor_api(credentials).permission_step,
        )
    return places


def _account_row(item: dict[str, Any]) -> Row:
    return ACCOUNTS.row(
        {
            "id": _resource_id(item),
            "name": item.get("name"),
            "kind": item.get("kind"),
            "location": item.get("location"),
            "sku_name": _inner(item, "sku").get("name"),
            "endpoint": _inner(item, "properties").get("endpoint"),
        }
    )


def _deployment_row(item: dict[str, Any], account_id: str) -> Row:
    sku, properties = _inner(item, "sku"), _inner(item, "properties")
    model = _inner(properties, "model")
    return DEPLOYMENTS.row(
        {
            "id": _resource_id(item),
            "account_id": account_id,
            "name": item.get("name"),
            "sku_name": sku.get("name"),
            "sku_capacity": sku.get("capacity"),
            "model_format": model.get("format"),
            "model_name": model.get("name"),
            "model_version": model.get("version"),
            "provisioning_state": properties.get("provisioningState"),
        }
    )


def _resource_id(item: dict[str, Any]) -> str:
    """The id in lower case: its case differs from API to API (§3.2)."""
    resource_id = item.get("id")
    if not isinstance(resource_id, str) or not resource_id.startswith("/"):
        raise broken_contract("A resource in a list of Azure has no id.")
    return resource_id.lower()


def _inner(item: dict[str, Any], name: str) -> dict[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}
