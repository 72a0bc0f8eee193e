"""Anthropic's analytics API on loopback: cost and usage as rows of buckets (contract anthropic §2.5, §2.6).

What belongs here: its parameters, groups and rows. What does not: rights (`errors`), the older reports (`reports`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.anthropic.parameters import page_limit, rows_page, time_of, wanted_charges
from sandbox.anthropic.reports import CONTEXT_WINDOW, Row, cents, described, quantities
from sandbox.books import Charge
from sandbox.buckets import WIDTHS, BadRequestError, charges_between, grouped
from sandbox.catalogue import unit_price_usd
from sandbox.faults import Desk

FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULT_WORKSPACE = "wrkspc_01DEFAULTsandbox000000"
"""Here the default workspace has an id."""
ROWS = (20, 1000)
"""Rows per page: default and most."""
MOST_GROUPS = 5
REFRESH_HOURS = 4
LONGEST = {"1d": timedelta(days=31), "1h": timedelta(days=31), "1m": timedelta(hours=24)}
_DIMENSIONS = (
    "actor",
    "actor_type",
    "agent_id",
    "api_key_id",
    "claude_tag_category",
    "claude_tag_user_id",
    "context_window",
    "deployment_id",
    "environment_id",
    "inference_geo",
    "model",
    "organization_id",
    "product",
    "rbac_group_id",
    "service_tier",
    "session_id",
    "slack_channel_id",
    "speed",
    "user_profile_id",
    "workspace_id",
)
_OF_COST = ("cost_type", "token_type")
Measure = Callable[[list[Charge], list[str]], Row]


def cost_body(desk: Desk, query: QueryParams) -> Row:
    """One page of costs, in cents.

    Raises:
        BadRequestError: If a parameter is missing or wrong.
    """

    def cost(charges: list[Charge], group_by: list[str]) -> Row:
        is_split = bool(set(_OF_COST) & set(group_by))
        return {
            "amount": cents(charge.amount_usd for charge in charges),
            "list_amount": cents(map(_list_usd, charges)),
            "currency": "USD",
            "requests": None if is_split else _requests(charges),
        }

    return _body(desk, query, (*_DIMENSIONS, *_OF_COST), "cost", cost)


def usage_body(desk: Desk, query: QueryParams) -> Row:
    """One page of usage, in tokens, searches and requests.

    Raises:
        BadRequestError: If a parameter is missing or wrong.
    """

    def usage(charges: list[Charge], _: list[str]) -> Row:
        counted = quantities(charges)
        tokens = (
            counted["uncached_input_tokens"],
            counted["cache_read_input_tokens"],
            counted["output_tokens"],
        )
        total = sum((*tokens, *counted["cache_creation"].values()))
        return counted | {"total_tokens": total, "requests": _requests(charges)}

    return _body(desk, query, _DIMENSIONS, "usage", usage)


def _body(desk: Desk, query: QueryParams, dimensions: tuple[str, ...], name: str, measure: Measure) -> Row:
    group_by = _groups(query, dimensions)
    bounds = _bounds(query, desk.world.now)
    is_wanted = wanted_charges(query)
    buckets = charges_between(
        desk.world.charges, bounds, lambda charge: charge.account == desk.account and is_wanted(charge)
    )

    def group_of(charge: Charge) -> tuple[Any, ...]:
        known = _known(charge)
        return tuple(known.get(one) if one in group_by else None for one in dimensions)

    rows = [
        {
            "starting_at": _rfc3339(start),
            "ending_at": _rfc3339(end),
            "group": dict(zip(dimensions, group, strict=True)),
            name: measure(part, group_by) | desk.faults.extra_fields,
        }
        for (start, end), charges in zip(bounds, buckets, strict=True)
        for group, part in grouped(charges, group_of)
    ]
    now = desk.world.now
    refreshed = now.replace(hour=now.hour // REFRESH_HOURS * REFRESH_HOURS, minute=0, second=0, microsecond=0)
    page = rows_page(query, desk, rows, page_limit(query, *ROWS))
    return page | {"data_refreshed_at": _rfc3339(refreshed), "organization_id": "org_01sandbox"}


def _groups(query: QueryParams, dimensions: tuple[str, ...]) -> list[str]:
    group_by = query.getlist("group_by[]")
    for name in group_by:
        if name not in dimensions:
            raise BadRequestError("group_by[]", f"group_by[]: Input should be one of {', '.join(dimensions)}")
    if len(set(group_by) - set(_OF_COST)) > MOST_GROUPS:
        raise BadRequestError("group_by[]", f"group_by[]: at most {MOST_GROUPS} dimensions are allowed")
    return group_by


def _bounds(query: QueryParams, now: datetime) -> list[tuple[datetime, datetime]]:
    """Bounds of the buckets that have begun."""
    width = query.get("time_bucket_width")
    if width not in WIDTHS:
        raise BadRequestError(
            "time_bucket_width", f"time_bucket_width: Input should be one of {', '.join(WIDTHS)}"
        )
    start, end = time_of(query, "starting_at", None), time_of(query, "ending_at", None)
    if start < max(FIRST_MOMENT, now - timedelta(days=365)):
        raise BadRequestError(
            "starting_at", "starting_at: must be within the last 365 days and not before 2026-01-01"
        )
    if not start < end <= start + LONGEST[width]:
        raise BadRequestError(
            "ending_at", f"ending_at: must be after starting_at by at most {LONGEST[width]}"
        )
    bounds = []
    while start < min(end, now):
        bounds.append((start, start + WIDTHS[width]))
        start += WIDTHS[width]
    return bounds


def _known(charge: Charge) -> dict[str, str | None]:
    cost_type, _, model, token_type, tier, _ = described(charge)
    return {
        "api_key_id": charge.key,
        "workspace_id": charge.project or DEFAULT_WORKSPACE,
        "model": charge.model.served if charge.model else model,
        "service_tier": charge.tier or tier,
        "context_window": CONTEXT_WINDOW,
        "inference_geo": "not_available",
        "cost_type": cost_type,
        "token_type": token_type,
    }


def _list_usd(charge: Charge) -> Decimal:
    if charge.model is None or charge.token_type is None or charge.tier is None:
        return charge.amount_usd
    return (charge.quantity or 0) * unit_price_usd(
        charge.model, charge.model.list_prices, charge.token_type, charge.tier
    )


def _requests(charges: list[Charge]) -> int:
    return len({charge.call_id for charge in charges if charge.call_id})


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
