"""Azure on loopback: sign-in, cost queries and token metrics (contract Azure §3).

What belongs here: paths, tokens and envelopes. What does not: rows of the bill (`costs`), series
(`metrics`), lists (`directory`), the records behind them (`books`).
"""

from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.azure_openai.answers import error, guarded, page_of, refuse
from sandbox.azure_openai.books import COST_READER, MONITORING_READER, AzureDesk
from sandbox.azure_openai.costs import BadQueryError, cost_table
from sandbox.azure_openai.directory import directory_routes
from sandbox.azure_openai.metrics import BadMetricsError, metrics_body
from sandbox.faults import FaultyServer
from sandbox.responses import ExactJSONResponse

QUERY_ID = "55312978-ba1b-415c-9304-cfd9c43c0481"


def azure_openai_app(desk: AzureDesk) -> ASGIApp:
    """Build the server: login and management at one address."""

    async def token(request: Request) -> Response:
        return _token(desk, request.path_params["tenant"], dict(parse_qsl((await request.body()).decode())))

    async def query(request: Request) -> Response:
        return _query(desk, request, await request.json())

    async def metrics(request: Request) -> Response:
        account_id = f"/{request.path_params['account']}"
        return ExactJSONResponse(metrics_body(desk.books, account_id, request.query_params))

    app = Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
            Route(
                "/{scope:path}/providers/Microsoft.CostManagement/query",
                guarded(desk, query, COST_READER),
                methods=["POST"],
            ),
            Route(
                "/{account:path}/providers/Microsoft.Insights/metrics",
                guarded(desk, metrics, MONITORING_READER),
            ),
            *directory_routes(desk),
        ],
        exception_handlers={BadQueryError: _bad_request, BadMetricsError: _bad_request},
    )
    return FaultyServer(app, desk, refuse)


def _query(desk: AzureDesk, request: Request, question: dict[str, Any]) -> Response:
    scope, extra = request.path_params["scope"], desk.faults.extra_fields
    columns, rows = cost_table(desk.books, scope, question)
    columns += [{"name": name, "type": "String"} for name in extra]
    size = min(desk.rows_per_page, int(request.query_params.get("$top", desk.rows_per_page)))
    page, link = page_of(desk, request, [row + list(extra.values()) for row in rows], size)
    response = ExactJSONResponse(
        {
            "id": f"{scope}/providers/Microsoft.CostManagement/Query/{QUERY_ID}",
            "name": QUERY_ID,
            "type": "Microsoft.CostManagement/query",
            "location": None,
            "sku": None,
            "eTag": None,
            "properties": {"nextLink": link, "columns": columns, "rows": page},
        }
    )
    response.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"] = "1"
    return response


def _token(desk: AzureDesk, tenant: str, form: dict[str, Any]) -> Response:
    app = desk.app
    if tenant != app.tenant_id:
        return _no_token(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
    if form.get("client_id") != app.client_id:
        return _no_token(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    if form.get("client_secret") != app.client_secret:
        return _no_token(401, "invalid_client", 7000215, "Invalid client secret provided.")
    if form.get("grant_type") != "client_credentials" or not str(form.get("scope")).endswith("/.default"):
        return _no_token(400, "invalid_request", 900144, "The request body must ask for a .default scope.")
    body = {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": app.token}
    return ExactJSONResponse(body)


def _no_token(status: int, error: str, code: int, words: str) -> Response:
    body = {"error": error, "error_description": f"AADSTS{code}: {words}", "error_codes": [code]}
    return ExactJSONResponse(body, status)


async def _bad_request(_: Request, refused: Exception) -> Response:
    return error(400, "BadRequest", f"{refused} (Request ID: 0a1b2c3d-0000-4000-8000-000000000000)")
