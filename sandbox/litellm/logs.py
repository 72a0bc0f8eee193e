"""LiteLLM's single requests: pages of `/spend/logs/v2` (contract litellm §3.3).

What belongs here: bounds, order, and a total that is counted up to a limit. What does not: who may ask (`api`).
"""

from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams

Item = dict[str, Any]
COUNTED = 10_000
"""The total stops here, and pages go on."""


def logs_page(logs: list[Item], query: QueryParams, counted: int = COUNTED) -> Item | None:
    """One page of requests; both bounds are inclusive. None when a bound has no form the proxy reads."""
    try:
        first, last = _bound(query["start_date"]), _bound(query["end_date"])
    except (KeyError, ValueError):
        return None
    page, size = int(query.get("page", 1)), int(query.get("page_size", 50))
    found = [item for item in logs if first <= datetime.fromisoformat(item["startTime"]) <= last]
    found.sort(key=lambda item: item["startTime"], reverse=query.get("sort_order", "desc") == "desc")
    total = min(len(found), counted)
    return {
        "data": found[(page - 1) * size : page * size],
        "total": total,
        "page": page,
        "page_size": size,
        "total_pages": -(-total // size),
        "total_is_capped": len(found) > counted,
    }


def _bound(text: str) -> datetime:
    form = "%Y-%m-%d" if len(text) == len("2026-10-01") else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(text, form).replace(tzinfo=UTC)
