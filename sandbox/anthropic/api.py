"""Anthropic on loopback: cost and usage reports, workspaces, keys, for Admin keys (contract anthropic §2).

What belongs here: paths and pages. What does not: rows of the reports (`reports`), parameters
(`parameters`), refusals (`errors`), the calls of applications (`calls`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.anthropic.calls import call_routes
from sandbox.anthropic.directory import ORGANIZATION, api_keys, list_body, workspaces
from sandbox.anthropic.errors import AnthropicKeys, bad_request, not_found, refuse, refuse_key
from sandbox.anthropic.parameters import question, wanted_charges
from sandbox.anthropic.reports import COST_GROUPS, USAGE_GROUPS, cost_rows, usage_rows
from sandbox.books import Charge
from sandbox.buckets import USAGE_LIMITS, BadRequestError, charges_between, page_of
from sandbox.faults import Desk, FaultyServer
from sandbox.responses import ExactJSONResponse

COST_LIMITS = {"1d": (7, 31)}
Rows = Callable[[list[Charge], list[str]], list[dict[str, Any]]]
Endpoint = Callable[[Request], Awaitable[Response]]


def anthropic_app(desk: Desk, keys: AnthropicKeys) -> ASGIApp:
    """Build the server; its paths begin with `/v1`."""

    async def cost_report(request: Request) -> Response:
        return _report(desk, request.query_params, COST_LIMITS, COST_GROUPS, cost_rows)

    async def usage_report(request: Request) -> Response:
        return _report(desk, request.query_params, USAGE_LIMITS, USAGE_GROUPS, usage_rows)

    async def me(_: Request) -> Response:
        return ExactJSONResponse(ORGANIZATION)

    async def list_workspaces(request: Request) -> Response:
        return ExactJSONResponse(list_body(request.query_params, workspaces()))

    async def list_api_keys(request: Request) -> Response:
        return ExactJSONResponse(list_body(request.query_params, api_keys()))

    def admin(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            refusal = refuse_key(request, keys)
            return refusal or await endpoint(request)

        return guarded

    app = Starlette(
        routes=[
            Route("/v1/organizations/cost_report", admin(cost_report)),
            Route("/v1/organizations/usage_report/messages", admin(usage_report)),
            Route("/v1/organizations/me", admin(me)),
            Route("/v1/organizations/workspaces", admin(list_workspaces)),
            Route("/v1/organizations/api_keys", admin(list_api_keys)),
            *call_routes(keys.application),
        ],
        exception_handlers={BadRequestError: bad_request, 404: not_found},
    )
    return FaultyServer(app, desk, refuse)


def _report(
    desk: Desk, query: QueryParams, limits: dict[str, tuple[int, int]], groups: tuple[str, ...], rows: Rows
) -> Response:
    group_by = query.getlist("group_by[]")
    for name in group_by:
        if name not in groups:
            raise BadRequestError("group_by[]", f"group_by[]: Input should be one of {', '.join(groups)}")
    page = page_of(question(query, limits, desk.world.now), desk)
    is_wanted = wanted_charges(query)
    buckets = charges_between(
        desk.world.charges, page.bounds, lambda charge: charge.account == desk.account and is_wanted(charge)
    )
    return ExactJSONResponse(
        {
            "data": [
                {
                    "starting_at": _rfc3339(start),
                    "ending_at": _rfc3339(end),
                    "results": [row | desk.faults.extra_fields for row in rows(charges, group_by)],
                }
                for (start, end), charges in zip(page.bounds, buckets, strict=True)
            ],
            "has_more": page.next_cursor is not None,
            "next_page": page.next_cursor,
        }
    )


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
