"""Google on loopback: signing in, BigQuery and Cloud Monitoring at one address (contract Google §2, §6.2).

What belongs here: tokens, and which paths there are. What does not: BigQuery's (`bigquery`), series (`monitoring`),
the records behind them (`books`).
"""

from urllib.parse import parse_qsl

from google.auth import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.google.answers import guarded, page_of, refuse
from sandbox.google.bigquery import bigquery_routes
from sandbox.google.books import MONITORING_VIEWER, GoogleDesk
from sandbox.google.monitoring import token_series
from sandbox.responses import ExactJSONResponse

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_SECONDS = 3_600
_NO_SERIES = "Permission monitoring.timeSeries.list denied (or the resource {project} may not exist)."


def google_app(desk: GoogleDesk) -> ASGIApp:
    """Build the server; tokens are issued at `/token`."""

    async def token(request: Request) -> Response:
        return _token(desk, str(request.url), dict(parse_qsl((await request.body()).decode())))

    async def series(request: Request) -> Response:
        asked = dict(request.query_params)
        found = token_series(desk.books.points, request.path_params["project"], asked)
        page, following = page_of(desk, found, asked.get("pageToken"), int(asked["pageSize"]))
        shown = [one | desk.faults.extra_fields for one in page]
        return ExactJSONResponse({"timeSeries": shown, "nextPageToken": following or ""} if shown else {})

    app = Starlette(
        routes=[
            Route("/token", token, methods=["POST"]),
            *bigquery_routes(desk),
            Route("/v3/projects/{project}/timeSeries", guarded(desk, series, MONITORING_VIEWER, _NO_SERIES)),
        ]
    )
    return FaultyServer(app, desk, refuse)


def _token(desk: GoogleDesk, url: str, form: dict[str, str]) -> Response:
    """A token for an assertion that the service account signed for this address."""
    if form.get("grant_type") != GRANT_TYPE:
        return _no_token("unsupported_grant_type", "Invalid grant_type")
    try:
        claims = jwt.decode(form.get("assertion", ""), certs=desk.account.public_key, audience=url)  # type: ignore[no-untyped-call]
    except ValueError:
        return _no_token("invalid_grant", "Invalid JWT Signature.")
    if claims["iss"] != desk.account.client_email:
        return _no_token("invalid_grant", "Invalid grant: account not found")
    if claims["exp"] - claims["iat"] > _LONGEST_SECONDS or not claims.get("scope"):
        return _no_token("invalid_grant", "Invalid JWT: Token must be a short-lived token with a scope")
    return ExactJSONResponse({"access_token": desk.account.token, "expires_in": 3599, "token_type": "Bearer"})


def _no_token(name: str, words: str) -> Response:
    return ExactJSONResponse({"error": name, "error_description": words}, 400)
