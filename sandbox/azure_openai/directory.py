"""Azure's lists of subscriptions, AI accounts and their deployments.

What belongs here: their routes and the listed objects. What does not: rights and pages
(`answers`).
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.azure_openai.answers import error, guarded, list_body
from sandbox.azure_openai.books import MONITORING_READER, Account, AzureDesk, Deployment
from sandbox.responses import ExactJSONResponse


def directory_routes(desk: AzureDesk) -> list[Route]:
    """Build the routes; the last takes any path that is an account's id."""

    async def subscriptions(request: Request) -> Response:
        found = sorted({account.id.split("/")[2] for account in desk.books.accounts})
        items = [{"id": f"/subscriptions/{one}", "subscriptionId": one, "state": "Enabled"} for one in found]
        return list_body(desk, request, items)

    async def accounts(request: Request) -> Response:
        scope = f"/{request.path_params['scope']}/".lower()
        found = [one for one in desk.books.accounts if one.id.lower().startswith(scope)]
        return list_body(desk, request, [_account(one) for one in found])

    async def account(request: Request) -> Response:
        wanted = f"/{request.path_params['account']}".lower()
        for one in desk.books.accounts:
            if one.id.lower() == wanted:
                return ExactJSONResponse(_account(one))
        return error(404, "ResourceNotFound", f"The Resource '{wanted}' was not found.")

    async def deployments(request: Request) -> Response:
        wanted = f"/{request.path_params['account']}".lower()
        found = [one for one in desk.books.deployments if one.account_id.lower() == wanted]
        return list_body(desk, request, [_deployment(one) for one in found])

    endpoints = {
        "/subscriptions": subscriptions,
        "/{account:path}/deployments": deployments,
        "/{scope:path}/providers/Microsoft.CognitiveServices/accounts": accounts,
        "/{account:path}": account,
    }
    return [Route(path, guarded(desk, one, MONITORING_READER)) for path, one in endpoints.items()]


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "type": "Microsoft.CognitiveServices/accounts",
        "location": account.location,
        "sku": {"name": "S0"},
        "kind": account.kind,
        "properties": {
            "endpoint": f"https://{account.name.lower()}.openai.azure.com/",
            "provisioningState": "Succeeded",
        },
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    return {
        "id": f"{deployment.account_id}/deployments/{deployment.name}",
        "name": deployment.name,
        "type": "Microsoft.CognitiveServices/accounts/deployments",
        "sku": {"name": deployment.sku, "capacity": 10},
        "properties": {
            "model": {"format": "OpenAI", "name": deployment.model, "version": deployment.version},
            "provisioningState": "Succeeded",
        },
    }
