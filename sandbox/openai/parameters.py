"""OpenAI's query parameters: arrays in both forms, time in Unix seconds (contract openai §1.3).

What belongs here: reading and refusing parameters. What does not: what is answered.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

from sandbox.books import Charge
from sandbox.buckets import WIDTHS, BadRequestError, Question
from sandbox.openai.costs import line_item


def question(query: QueryParams, limits: dict[str, tuple[int, int]], now: datetime) -> Question:
    """Read which buckets are asked for; `limits` gives the default and most buckets per page by width.

    Raises:
        BadRequestError: If a parameter is missing or wrong.
    """
    width = query.get("bucket_width", "1d")
    if width not in limits:
        raise BadRequestError("bucket_width", f"Invalid value for 'bucket_width': {width}.")
    default, most = limits[width]
    limit = integer(query, "limit", default)
    if not 1 <= limit <= most:
        raise BadRequestError("limit", f"Invalid value for 'limit': expected 1 to {most}, got {limit}.")
    if "start_time" not in query:
        raise BadRequestError("start_time", "Missing required parameter: 'start_time'.")
    start = datetime.fromtimestamp(integer(query, "start_time", 0), UTC)
    end = datetime.fromtimestamp(integer(query, "end_time", int(now.timestamp()) + 1), UTC)
    if end <= start:
        raise BadRequestError("end_time", "'end_time' must be after 'start_time'.")
    return Question(start, end, WIDTHS[width], limit, query.get("page"))


def integer(query: QueryParams, name: str, default: int) -> int:
    """Read a whole number."""
    text = query.get(name, str(default))
    if not text.isdigit():
        raise BadRequestError(name, f"Invalid type for '{name}': expected an integer, got {text!r}.")
    return int(text)


def array(query: QueryParams, name: str, choices: tuple[str, ...] | None = None) -> list[str]:
    """Read an array parameter, plain or with brackets; both forms are in use (contract openai §1.3)."""
    values = [*query.getlist(name), *query.getlist(f"{name}[]")]
    for value in values:
        if choices is not None and value not in choices:
            raise BadRequestError(
                name, f"Invalid value for '{name}': {value}. Supported: {', '.join(choices)}."
            )
    return values


def wanted_charges(query: QueryParams) -> Callable[[Charge], bool]:
    """Read the filters as one condition on charges."""
    wanted: list[tuple[list[str], Callable[[Charge], str | None]]] = [
        (array(query, "project_ids"), lambda charge: charge.project),
        (array(query, "api_key_ids"), lambda charge: charge.key),
        (array(query, "models"), lambda charge: charge.model.served if charge.model else None),
        (array(query, "line_items"), line_item),
        (array(query, "batch", ("true", "false")), lambda charge: str(charge.tier == "batch").lower()),
    ]
    return lambda charge: all(not values or read(charge) in values for values, read in wanted)
