"""Anthropic on loopback: cost and usage reports, workspaces, keys, for Admin keys (contract anthropic §2).

What belongs here: paths, pages of buckets. What does not: rows of the reports (`reports`), the newer reports
(`analytics`, `claude_code`), parameters (`parameters`), refusals (`errors`), the calls of applications (`calls`).
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

from sandbox.anthropic.analytics import cost_body, usage_body
from sandbox.anthropic.calls import call_routes
from sandbox.anthropic.claude_code import claude_code_body
from sandbox.anthropic.directory import ORGANIZATION, api_keys, list_body, workspaces
from sandbox.anthropic.errors import (
    AnthropicKeys,
    bad_request,
    not_found,
    refuse,
    refuse_key,
    refuse_without_beta,
)
from sandbox.anthropic.parameters import question, wanted_charges
from sandbox.anthropic.reports import COST_GROUPS, USAGE_GROUPS, cost_rows, usage_rows
from sandbox.books import Charge
from sandbox.buckets import USAGE_LIMITS, BadRequestError, charges_between, page_of
from sandbox.faults import Desk, FaultyServer
from sandbox.responses import ExactJSONResponse

COST_LIMITS = {"1d": (7, 31)}
Rows = Callable[[list[Charge], list[str]], list[dict[str, Any]]]
Body = Callable[[Desk, QueryParams], dict[str, Any]]
BODIES: dict[str, Body] = {
    "cost_report": lambda desk, query: _report(desk, query, COST_LIMITS, COST_GROUPS, cost_rows),
    "usage_report/messages": lambda desk, query: _report(desk, query, USAGE_LIMITS, USAGE_GROUPS, usage_rows),
    "usage_report/claude_code": claude_code_body,
    "analytics/cost": cost_body,
    "analytics/usage": usage_body,
    "me": lambda _, __: ORGANIZATION,
    "workspaces": lambda _, query: list_body(query, workspaces()),
    "api_keys": lambda _, query: list_body(query, api_keys()),
}
"""What the Admin API answers, by path."""


def anthropic_app(desk: Desk, keys: AnthropicKeys) -> ASGIApp:
    """Build the server; its paths begin with `/v1`."""

    def admin(body: Body) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            refusal = refuse_key(request, keys) or refuse_without_beta(request)
            return refusal or ExactJSONResponse(body(desk, request.query_params))

        return guarded

    app = Starlette(
        routes=[
            *(Route(f"/v1/organizations/{path}", admin(body)) for path, body in BODIES.items()),
            *call_routes(keys.application),
        ],
        exception_handlers={BadRequestError: bad_request, 404: not_found},
    )
    return FaultyServer(app, desk, refuse)


def _report(
    desk: Desk, query: QueryParams, limits: dict[str, tuple[int, int]], groups: tuple[str, ...], rows: Rows
) -> dict[str, Any]:
    group_by = query.getlist("group_by[]")
    for name in group_by:
        if name not in groups:
            raise BadRequestError("group_by[]", f"group_by[]: Input should be one of {', '.join(groups)}")
    page = page_of(question(query, limits, desk.world.now), desk)
    is_wanted = wanted_charges(query)
    buckets = charges_between(
        desk.world.charges, page.bounds, lambda charge: charge.account == desk.account and is_wanted(charge)
    )
    return {
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


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
