"""GitHub's billing usage on loopback, one period an answer (contract page B §5.2).

What belongs here: paths, periods and refusals. What does not: which lines there are (`books`, given).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.faults import FaultyServer
from sandbox.github_copilot.books import CREDITS, REQUESTS, BilledLine, GitHubDesk
from sandbox.responses import ExactJSONResponse

DOCUMENTATION = "https://docs.github.com/rest/billing/usage"
Item = dict[str, Any]


@dataclass(frozen=True)
class GitHubKeys:
    """Tokens the server knows: one that may read the bill, and one of a member, which may not."""

    billing: str = "github_pat_sandbox_billing_0000"
    member: str = "github_pat_sandbox_member_0000"


def github_copilot_app(desk: GitHubDesk, keys: GitHubKeys | None = None) -> ASGIApp:
    """Build the server."""
    known = keys or GitHubKeys()

    def report(unit_type: str | None) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            refusal = _refusal(desk, known, request)
            if refusal is not None:
                return refusal
            period = _period(request.query_params)
            lines = [line for line in desk.books.lines if _is_within(line.day, period)]
            if unit_type is None:
                items = [_whole_bill_item(desk, line) for line in lines]
                return ExactJSONResponse({"usageItems": [item | desk.faults.extra_fields for item in items]})
            items = [_metered_item(line) for line in lines if line.unit_type == unit_type]
            body = {"timePeriod": period, desk.account_kind: desk.account}
            return ExactJSONResponse(
                body | {"usageItems": [item | desk.faults.extra_fields for item in items]}
            )

        return answer

    billing = "/{kind}/{account}/settings/billing"
    app = Starlette(
        routes=[
            Route(f"{billing}/ai_credit/usage", report(CREDITS)),
            Route(f"{billing}/premium_request/usage", report(REQUESTS)),
            Route(f"{billing}/usage", report(None)),
        ]
    )
    return FaultyServer(app, desk, refuse)


def refuse(status: int) -> Response:
    """Refuse with a status that has nothing to do with the request: 401, 429 or 500."""
    words = {401: "Bad credentials", 429: "You have exceeded a secondary rate limit."}
    return _error(status, words.get(status, "Server Error"))


def _error(status: int, message: str) -> Response:
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return ExactJSONResponse(body, status)


def _refusal(desk: GitHubDesk, keys: GitHubKeys, request: Request) -> Response | None:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token not in (keys.billing, keys.member):
        return refuse(401)
    asked = (request.path_params["kind"], request.path_params["account"].lower())
    if asked != (f"{desk.account_kind}s", desk.account):
        return _error(404, "Not Found")
    return None if token == keys.billing else _error(403, "Must have admin rights to the account.")


def _period(query: QueryParams) -> dict[str, int]:
    return {name: int(query[name]) for name in ("year", "month", "day") if name in query}


def _is_within(day: date, period: dict[str, int]) -> bool:
    return all(getattr(day, name) == value for name, value in period.items())


def _metered_item(line: BilledLine) -> Item:
    return {
        "product": line.product,
        "sku": line.sku,
        "model": line.model,
        "unitType": line.unit_type,
        "pricePerUnit": line.price,
        "grossQuantity": line.gross,
        "grossAmount": line.gross * line.price,
        "discountQuantity": line.discount,
        "discountAmount": line.discount * line.price,
        "netQuantity": line.net,
        "netAmount": line.net * line.price,
    }


def _whole_bill_item(desk: GitHubDesk, line: BilledLine) -> Item:
    return {
        "date": f"{line.day}T00:00:00Z",
        "product": line.product,
        "sku": line.sku,
        "quantity": line.gross,
        "unitType": line.unit_type,
        "pricePerUnit": line.price,
        "grossAmount": line.gross * line.price,
        "discountAmount": line.discount * line.price,
        "netAmount": line.net * line.price,
        "organizationName": desk.account,
        "repositoryName": "",
    }
