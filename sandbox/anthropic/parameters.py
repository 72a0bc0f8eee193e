"""Anthropic's query parameters: arrays with brackets, time in RFC 3339 (contract anthropic §2.2 to §2.6).

What belongs here: reading and refusing parameters, pages of rows. What does not: what is answered.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from sandbox.books import Charge
from sandbox.buckets import WIDTHS, BadRequestError, Question
from sandbox.faults import Desk, EndlessPaging
from sandbox.schedule import midnight


def question(query: QueryParams, limits: dict[str, tuple[int, int]], now: datetime) -> Question:
    """Read which buckets are asked for; `limits` gives the default and most buckets per page by width.

    Raises:
        BadRequestError: If a parameter is missing or wrong.
    """
    width = query.get("bucket_width", "1d")
    if width not in limits:
        raise BadRequestError("bucket_width", f"bucket_width: Input should be one of {', '.join(limits)}")
    default, most = limits[width]
    limit = page_limit(query, default, most)
    start = time_of(query, "starting_at", None)
    end = time_of(query, "ending_at", now + timedelta(microseconds=1))
    if end <= start:
        raise BadRequestError("ending_at", "ending_at: must be after starting_at")
    return Question(midnight(start) if width == "1d" else start, end, WIDTHS[width], limit, query.get("page"))


def time_of(query: QueryParams, name: str, default: datetime | None) -> datetime:
    """Read a time; without a default it is required.

    Raises:
        BadRequestError: If it is missing or wrong.
    """
    text = query.get(name)
    if text is None:
        if default is None:
            raise BadRequestError(name, f"{name}: Field required")
        return default
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
    except ValueError as error:
        raise BadRequestError(name, f"{name}: Input should be a valid RFC 3339 datetime") from error
    return moment.astimezone(UTC)


def page_limit(query: QueryParams, default: int, most: int) -> int:
    """Read how many things a page holds."""
    text = query.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise BadRequestError("limit", f"limit: Input should be an integer from 1 to {most}")
    return int(text)


def rows_page(query: QueryParams, desk: Desk, rows: list[Any], limit: int) -> dict[str, Any]:
    """Cut one page out of rows, where the page's unit is the row.

    Raises:
        BadRequestError: If the cursor is none of ours.
    """
    cursor = query.get("page", "page_0_0")
    match cursor.split("_"):
        case ["page", at, turn] if at.isdigit() and turn.isdigit():
            begin = int(at)
        case _:
            raise BadRequestError("page", "Invalid page token.")
    end = begin + limit
    match desk.faults.endless_paging:
        case EndlessPaging.SAME_CURSOR:
            more: str | None = cursor
        case EndlessPaging.NEW_CURSORS:
            more = f"page_{begin}_{int(turn) + 1}"
        case _:
            more = f"page_{end}_0" if end < len(rows) else None
    return {"data": rows[begin:end], "has_more": more is not None, "next_page": more}


def wanted_charges(query: QueryParams) -> Callable[[Charge], bool]:
    """Read the filters as one condition on charges."""
    wanted: list[tuple[list[str], Callable[[Charge], str | None]]] = [
        (query.getlist("models[]"), lambda charge: charge.model.served if charge.model else None),
        (query.getlist("workspace_ids[]"), lambda charge: charge.project),
        (query.getlist("api_key_ids[]"), lambda charge: charge.key),
        (query.getlist("service_tiers[]"), lambda charge: charge.tier),
    ]
    return lambda charge: all(not values or read(charge) in values for values, read in wanted)
