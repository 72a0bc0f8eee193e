"""Fireworks on loopback: rated costs, billing summary and metered quantities (contract Fireworks §5.6).

What belongs here: paths, parameters, proto JSON shapes, refusals. What does not: which lines there are
(`LineBooks`, given); lines without a model are in the subtotal only.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sandbox.faults import EndlessPaging, FaultyServer
from sandbox.lines import BookLine, Item, LineBooks, LineDesk, grouped, guarded, small_account
from sandbox.responses import ExactJSONResponse

ACCOUNT = "acme"
PAGE_SIZE = 50
NANOS = 1_000_000_000
TOKEN_FIELDS = {
    "input": "uncachedPromptTokens",
    "cache_read": "cachedPromptTokens",
    "output": "completionTokens",
}


def fireworks_app(desk: LineDesk) -> ASGIApp:
    """Build the server of the account `acme`."""

    async def usage_costs(request: Request) -> Response:
        question = await request.json()
        if question.get("scope") != "ACCOUNT" or question.get("groupBy") != ["DAY", "MODEL"]:
            return _error(400, 3, "The sandbox groups the account by DAY and MODEL only")
        lines = _lines(desk.books, question)
        groups = grouped((line for line in lines if line.model), "date", "model")
        rows = [
            {
                "dimensions": {"startTime": f"{day}T00:00:00Z", "model": model},
                "subtotal": _money(desk.books.currency, group),
            }
            | desk.faults.extra_fields
            for (day, model), group in groups.items()
        ]
        start, size = (
            int(question.get("pageToken") or 0),
            min(question.get("pageSize") or PAGE_SIZE, PAGE_SIZE),
        )
        body: Item = {"subtotal": _money(desk.books.currency, lines)}
        if rows[start : start + size]:
            body["rows"] = rows[start : start + size]
        if desk.faults.endless_paging:
            is_same = desk.faults.endless_paging is EndlessPaging.SAME_CURSOR
            body["nextPageToken"] = "0" if is_same else str(start - 1)
        elif start + size < len(rows):
            body["nextPageToken"] = str(start + size)
        return ExactJSONResponse(body)

    async def summary(request: Request) -> Response:
        groups = grouped(_lines(desk.books, dict(request.query_params)), "model", "token_type")
        items = [
            {
                "category": f"LLM {token_type} tokens",
                "series": "SERVERLESS",
                "groupingKey": "model_bucket",
                "groupingValue": model,
                "quantity": str(sum(line.quantity for line in group)),
                "totalCost": _money(desk.books.currency, group),
            }
            for (model, token_type), group in groups.items()
        ]
        return ExactJSONResponse({"lineItems": items} if items else {})

    async def usage(request: Request) -> Response:
        groups = grouped(_lines(desk.books, dict(request.query_params)), "model")
        items = [_usage(model, group) for (model,), group in groups.items()]
        return ExactJSONResponse({"serverlessCosts": items, "dedicatedCosts": [], "trainingCosts": []})

    account = f"/v1/accounts/{ACCOUNT}"
    endpoints = {
        f"POST {account}/usageCosts:query": usage_costs,
        f"GET {account}/billing/summary": summary,
        f"GET {account}/billingUsage": usage,
    }
    return FaultyServer(
        Starlette(routes=guarded(endpoints, desk, refuse, "authorization", "Bearer ")), desk, refuse
    )


def fireworks_books(first_day: date, days: int, seed: int) -> LineBooks:
    """A small account with two serverless models; amounts are whole billionths of a dollar."""
    models = ("accounts/fireworks/models/glm-5p2", "accounts/fireworks/models/kimi-k3")
    return small_account(first_day, days, seed, models, tuple(TOKEN_FIELDS))


def refuse(status: int) -> Response:
    """Refuse with Fireworks' error body."""
    said = {
        401: (16, "unauthorized"),
        403: (7, "account administrator required"),
        429: (8, "rate limit exceeded"),
    }
    return _error(status, *said.get(status, (13, "internal error")))


def _error(status: int, code: int, message: str) -> Response:
    return ExactJSONResponse({"code": code, "message": message, "details": []}, status)


def _lines(books: LineBooks, asked: Item) -> list[BookLine]:
    first, end = (datetime.fromisoformat(asked[name]).date() for name in ("startTime", "endTime"))
    return books.between(first, end - timedelta(days=1))


def _money(currency: str, lines: Iterable[BookLine]) -> Item:
    """Proto money; a part that is zero is left out."""
    nanos = int(sum((line.amount for line in lines), Decimal(0)) * NANOS)
    sign = -1 if nanos < 0 else 1
    units, rest = divmod(abs(nanos), NANOS)
    money: Item = {"currencyCode": currency}
    return money | ({"units": str(sign * units)} if units else {}) | ({"nanos": sign * rest} if rest else {})


def _usage(model: str, lines: Iterable[BookLine]) -> Item:
    item: Item = {"modelName": model, "usageType": "TEXT_COMPLETION_INFERENCE_USAGE", "costNanoUsd": 0}
    for line in lines:
        name = TOKEN_FIELDS[line.token_type]
        item[name] = str(int(item.get(name, "0")) + line.quantity)
    return item | {"group": {"model_name": model}}
