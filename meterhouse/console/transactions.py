"""The AI Transaction Log: metered calls, filtered and sorted, and one call in full.

What does not belong here: traces (`traces.py`), and lines that could not become events (`rejects.py`).
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from meterhouse.console import marts
from meterhouse.console.costs import Period, period_of
from meterhouse.console.downloads import csv_response
from meterhouse.console.web import Visit, page
from meterhouse.events.schema import BUCKETS, COST_STATUSES
from meterhouse.published import published_marts

_DAYS = 7
_PAGE_ROWS = 50
_MAX_PAGE = 100_000

FILTERS = {
    "provider": "provider",
    "model": "model",
    "customer": "customer",
    "product": "product",
    "subscriber": "subscriber_id",
    "agent": "agent",
    "workflow": "workflow",
    "trace": "trace_id",
    "environment": "environment",
    "event": "event_id",
    "status": "cost_status",
    "outcome": "outcome",
}
"""What the log can be narrowed to, by parameter of the address: the column that must be equal."""
COLUMNS = {
    "started_at": "Started",
    "provider": "Provider",
    "model": "Model",
    "operation": "Operation",
    "customer": "Customer",
    "product": "Product",
    "subscriber_id": "Subscriber",
    "agent": "Agent",
    "workflow": "Workflow",
    "business_unit": "Business unit",
    "environment": "Environment",
    "source": "Source",
    "trace_id": "Trace",
    "total_input_tokens": "Input tokens",
    "total_output_tokens": "Output tokens",
    "duration_ms": "Duration ms",
    "outcome": "Outcome",
    "cost_usd": "Cost USD",
    "cost_status": "Cost status",
}
"""Columns to choose from; each can be sorted by."""
_SHOWN = (
    "started_at",
    "provider",
    "model",
    "customer",
    "agent",
    "total_input_tokens",
    "total_output_tokens",
    "duration_ms",
    "outcome",
    "cost_usd",
    "cost_status",
)
NUMBERS = frozenset({"total_input_tokens", "total_output_tokens", "duration_ms", "cost_usd"})
_WHO = (
    *(
        "customer",
        "product",
        "subscriber_id",
        "subscription_id",
        "agent",
        "agent_version",
        "task_type",
        "workflow",
    ),
    *("business_unit", "environment", "credential_name", "quality_score"),
)
_WHAT = (
    *("provider", "model", "requested_model", "served_model", "operation", "tier", "region", "is_streamed"),
    *("stop_reason", "outcome", "error_code", "error_reason", "retry_number", "provider_request_id"),
)
_WHERE_FROM = (
    *(
        "event_id",
        "source",
        "provider_project",
        "requested_connection",
        "connection_match",
        "file_url",
        "file_line",
    ),
    *("trace_id", "trace_name", "span_id", "parent_event_id"),
)


@dataclass(frozen=True)
class Selection:
    """Which calls, in which order, with which columns: what the address of the log says."""

    period: Period
    filters: dict[str, str]
    sort: str
    is_descending: bool
    columns: tuple[str, ...]

    @property
    def where(self) -> str:
        """The condition, with parameters; names come from our own table."""
        equal = [f"{FILTERS[name]} = ${name}" for name in self.filters]
        return " and ".join(["event_date between $first and $last", *equal])

    @property
    def parameters(self) -> dict[str, Any]:
        """The condition's values."""
        return {"first": self.period.first, "last": self.period.last, **self.filters}

    @property
    def order(self) -> str:
        """The order, total."""
        return f"{self.sort} {'desc' if self.is_descending else 'asc'} nulls last, event_id"

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the log's address, with changes."""
        return {
            "from": self.period.first,
            "to": self.period.last,
            **self.filters,
            "sort": self.sort,
            "order": "desc" if self.is_descending else "asc",
            "columns": list(self.columns) if self.columns != _SHOWN else None,
        } | changes


def routes() -> list[Route]:
    """The log, its CSV, a call."""
    return [
        page("/transactions", _log),
        page("/transactions.csv", _download),
        page("/transactions/call", _call),
    ]


def _selection(visit: Visit) -> Selection:
    asked = visit.request.query_params
    columns = tuple(name for name in asked.getlist("columns") if name in COLUMNS)
    sort = asked.get("sort", "")
    has_span = any(name in asked for name in ("from", "to", "days"))
    is_narrow = any(visit.asked(name) for name in ("event", "trace"))
    return Selection(
        period=period_of(visit, _DAYS if has_span or not is_narrow else 3660),
        filters={name: value for name in FILTERS if (value := visit.asked(name)) is not None},
        sort=sort if sort in COLUMNS else "started_at",
        is_descending=asked.get("order") != "asc",
        columns=columns or _SHOWN,
    )


def _log(visit: Visit) -> Response:
    chosen = _selection(visit)
    number = visit.asked("page") or "1"
    at = min(max(int(number), 1), _MAX_PAGE) if number.isdigit() else 1
    columns = ", ".join(dict.fromkeys((*chosen.columns, "event_id", "trace_id")))
    with published_marts(visit.settings) as opened:
        count, cost_usd, unknown_count = opened.execute(
            f"select count(*), sum(cost_usd), count(*) filter (where cost_usd is null) "  # noqa: S608
            f"from marts.fct_transactions where {chosen.where}",
            chosen.parameters,
        ).fetchall()[0]
        found = opened.execute(
            f"select {columns} from marts.fct_transactions where {chosen.where} "  # noqa: S608
            f"order by {chosen.order} limit {_PAGE_ROWS} offset {(at - 1) * _PAGE_ROWS}",
            chosen.parameters,
        )
        names = [column[0] for column in found.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        providers = [
            name
            for (name,) in opened.execute("select provider from marts.dim_provider order by all").fetchall()
        ]
        models = [
            name
            for (name,) in opened.execute(
                "select distinct model from marts.dim_model order by all"
            ).fetchall()
        ]
    return visit.page(
        "transactions.html",
        chosen=chosen,
        rows=rows,
        count=count,
        cost_usd=cost_usd,
        unknown_count=unknown_count,
        at=at,
        page_rows=_PAGE_ROWS,
        columns=COLUMNS,
        numbers=NUMBERS,
        filters=FILTERS,
        choices={"provider": providers, "model": models},
        statuses=COST_STATUSES,
        published_at=marts.published_at(visit.settings),
    )


def _download(visit: Visit) -> Response:
    chosen = _selection(visit)
    columns = tuple(dict.fromkeys(("event_id", *chosen.columns)))
    query = (
        f"select {', '.join(columns)} from marts.fct_transactions "  # noqa: S608
        f"where {chosen.where} order by {chosen.order}"
    )
    name = f"transactions-{chosen.period.first}-{chosen.period.last}"
    return csv_response(name, columns, marts.streamed(visit.settings, query, chosen.parameters))


def _call(visit: Visit) -> Response:
    event_id = visit.asked("id")
    found = marts.rows(
        visit.settings, "select * from marts.fct_transactions where event_id = $id", {"id": event_id}
    )
    if not found:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            "No call of this id is in the published marts. If it was just sent, the next build brings it.",
        )
    call = found[0]
    prompts = (
        marts.rows(visit.settings, "select * from marts.fct_prompts where event_id = $id", {"id": event_id})
        if visit.user.is_admin
        else []
    )
    return visit.page(
        "call.html",
        call=call,
        quantities=[
            (bucket.field, call[bucket.field], call[bucket.cost_field])
            for bucket in BUCKETS
            if call[bucket.field] is not None
        ],
        parts=[("Whom it was for", _WHO), ("What it was", _WHAT), ("Where it came from", _WHERE_FROM)],
        prompt=prompts[0] if prompts else None,
    )
