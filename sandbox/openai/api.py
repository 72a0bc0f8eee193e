"""OpenAI on loopback: costs, usage, projects and their keys, for Admin keys (contract openai §1).

What belongs here: paths and pages. What does not: rows of the reports (`costs`, `usage`),
parameters (`parameters`), refusals (`errors`), the calls of applications (`calls`).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.books import Charge
from sandbox.buckets import USAGE_LIMITS, BadRequestError, charges_between, page_of
from sandbox.faults import Desk, FaultyServer
from sandbox.openai.calls import call_routes
from sandbox.openai.costs import COST_DIMENSIONS, cost_rows
from sandbox.openai.directory import list_body, project_keys, projects
from sandbox.openai.errors import OpenAIKeys, bad_request, not_found, refuse, refuse_key
from sandbox.openai.parameters import array, question, wanted_charges
from sandbox.openai.usage import USAGE_REPORTS, usage_rows
from sandbox.responses import ExactJSONResponse

COST_LIMITS = {"1d": (7, 180)}
Rows = Callable[[list[Charge], list[str]], list[dict[str, Any]]]
Endpoint = Callable[[Request], Awaitable[Response]]


def openai_app(desk: Desk, keys: OpenAIKeys) -> ASGIApp:
    """Build the server; its paths begin with `/v1`."""

    async def costs(request: Request) -> Response:
        group_by = array(request.query_params, "group_by", COST_DIMENSIONS)
        if {"user_id", "project_id"} <= set(group_by):
            raise BadRequestError(
                "group_by", "Unsupported combination for 'group_by': user_id with project_id."
            )
        return _report(desk, request.query_params, COST_LIMITS, lambda _: True, cost_rows, group_by)

    async def usage(request: Request) -> Response:
        report = USAGE_REPORTS.get(request.path_params["report"])
        if report is None:
            raise HTTPException(404)
        group_by = array(request.query_params, "group_by", report.dimensions)
        return _report(
            desk,
            request.query_params,
            USAGE_LIMITS,
            lambda charge: charge.model is not None and charge.model.operation == report.operation,
            lambda charges, names: usage_rows(report, charges, names),
            group_by,
        )

    async def list_projects(request: Request) -> Response:
        with_archived = request.query_params.get("include_archived") == "true"
        return ExactJSONResponse(list_body(request.query_params, projects(desk.account, with_archived)))

    async def list_project_keys(request: Request) -> Response:
        items = project_keys(desk.account, request.path_params["project"])
        if items is None:
            raise HTTPException(404)
        return ExactJSONResponse(list_body(request.query_params, items))

    def admin(endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            refusal = refuse_key(request, keys)
            return refusal or await endpoint(request)

        return guarded

    app = Starlette(
        routes=[
            Route("/v1/organization/costs", admin(costs)),
            Route("/v1/organization/usage/{report}", admin(usage)),
            Route("/v1/organization/projects", admin(list_projects)),
            Route("/v1/organization/projects/{project}/api_keys", admin(list_project_keys)),
            *call_routes(keys.project),
        ],
        exception_handlers={BadRequestError: bad_request, 404: not_found},
    )
    return FaultyServer(app, desk, refuse)


def _report(
    desk: Desk,
    query: QueryParams,
    limits: dict[str, tuple[int, int]],
    is_meant: Callable[[Charge], bool],
    rows: Rows,
    group_by: list[str],
) -> Response:
    page = page_of(question(query, limits, desk.world.now), desk)
    is_wanted = wanted_charges(query)
    buckets = charges_between(
        desk.world.charges,
        page.bounds,
        lambda charge: charge.account == desk.account and is_meant(charge) and is_wanted(charge),
    )
    return ExactJSONResponse(
        {
            "object": "page",
            "data": [
                {
                    "object": "bucket",
                    "start_time": int(start.timestamp()),
                    "end_time": int(end.timestamp()),
                    "results": [row | desk.faults.extra_fields for row in rows(charges, group_by)],
                }
                for (start, end), charges in zip(page.bounds, buckets, strict=True)
            ],
            "has_more": page.next_cursor is not None,
            "next_page": page.next_cursor,
        }
    )
