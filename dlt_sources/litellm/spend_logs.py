"""Single requests through the proxy: closed days of `/spend/logs/v2`, in stretches of time the proxy counts exactly.

What belongs here: the stretches, their pages, and what is kept of a request (contract LiteLLM §3.3, §3.5). What does
not: daily numbers and lists (`reports.py`), the columns (`tables.py`).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import RESTClient

from dlt_sources.buckets import midnight
from dlt_sources.contract import Day, Row
from dlt_sources.errors import broken_contract
from dlt_sources.litellm.tables import LOG_METADATA, LOG_NAMES, SPEND_LOGS
from dlt_sources.spool import Spool

LOGS_PATH = "/spend/logs/v2"
PAGE_SIZE = 1_000
SETTLED = timedelta(minutes=30)
"""How long after a day's end its last requests may still be written."""
_SHORTEST = timedelta(seconds=1)


def closed_days(days: list[date], now: datetime) -> list[date]:
    """Those of the days whose requests are all written."""
    return [day for day in days if midnight(day) + timedelta(days=1) + SETTLED <= now]


def log_days(client: RESTClient, days: list[date]) -> Iterator[Day]:
    """Every day that has requests; one without is left out, since the proxy may have deleted its logs."""
    for day in days:
        spool = Spool()
        spool.put(day, _between(client, midnight(day), midnight(day) + timedelta(days=1)))
        if spool.count(day):
            yield Day(day, spool.rows(day))


def _between(client: RESTClient, start: datetime, end: datetime) -> Iterator[Row]:
    """Requests that began in the stretch, its end excluded; one that holds more than the proxy counts is halved."""
    first = _page(client, start, end, 1)
    if first["total_is_capped"]:
        middle = start + timedelta(seconds=int((end - start).total_seconds()) // 2)
        if end - start <= _SHORTEST:
            raise broken_contract(f"{LOGS_PATH} has more requests in the second {start} than it counts.")
        yield from _between(client, start, middle)
        yield from _between(client, middle, end)
        return
    found: dict[str, tuple[datetime, Row]] = {}
    page, number = first, 1
    while True:
        for item in page["data"]:
            found[_text_of(item, "request_id")] = _began(item), _row(item)
        if number >= page["total_pages"]:
            break
        number += 1
        page = _page(client, start, end, number)
    if len(found) != page["total"]:
        raise broken_contract(
            f"The pages of {LOGS_PATH} from {start} hold {len(found)} requests, not {page['total']} as they say."
        )
    yield from (row for began, row in found.values() if start <= began < end)


def _page(client: RESTClient, start: datetime, end: datetime, number: int) -> dict[str, Any]:
    """One page; both bounds are inclusive, and read as UTC in this form alone (§3.3)."""
    query = {
        "start_date": f"{start:%Y-%m-%d %H:%M:%S}",
        "end_date": f"{end:%Y-%m-%d %H:%M:%S}",
        "page": number,
        "page_size": PAGE_SIZE,
        "sort_by": "startTime",
        "sort_order": "asc",
    }
    body: dict[str, Any] = client.get(LOGS_PATH, params=query).json()
    counts = [body.get(name) for name in ("total", "total_pages", "page")]
    if not isinstance(body.get("data"), list) or not all(isinstance(count, int) for count in counts):
        raise broken_contract(f"A page of {LOGS_PATH} lacks `data`, `total`, `total_pages` or `page`.")
    if body["page"] != number:
        raise broken_contract(f"{LOGS_PATH} answered page {body['page']} when asked for page {number}.")
    if not isinstance(body.get("total_is_capped"), bool):
        raise broken_contract(f"A page of {LOGS_PATH} does not say whether its total is capped.")
    return body


def _began(item: dict[str, Any]) -> datetime:
    try:
        began = datetime.fromisoformat(_text_of(item, "startTime"))
    except ValueError:
        raise broken_contract(f"A request of {LOGS_PATH} does not say when it began.") from None
    return began.replace(tzinfo=began.tzinfo or UTC)


def _text_of(item: Any, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, str) or not value:
        raise broken_contract(f"A request of {LOGS_PATH} lacks `{name}`.")
    return value


def _row(item: dict[str, Any]) -> Row:
    """What is kept of a request: no address, no prompt, of `metadata` the listed fields; an empty text is none."""
    kept = {column: item.get(name) for column, name in LOG_NAMES.items()}
    metadata = _object(item.get("metadata"))
    kept |= {column: _at(metadata, path) for column, path in LOG_METADATA.items()}
    usage = _object(metadata.get("usage_object"))
    details = _object(usage.get("prompt_tokens_details"))
    kept["cache_read_input_tokens"] = _first(
        usage.get("cache_read_input_tokens"), details.get("cached_tokens")
    )
    kept["cache_creation_input_tokens"] = _first(
        usage.get("cache_creation_input_tokens"), details.get("cache_creation_tokens")
    )
    return SPEND_LOGS.row({column: None if value == "" else value for column, value in kept.items()})


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _at(item: dict[str, Any], path: str) -> Any:
    value: Any = item
    for name in path.split("."):
        value = _object(value).get(name)
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
