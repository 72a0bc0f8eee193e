"""The AI Transaction Log: metered calls, filtered and sorted, and one call in full.

What does not belong here: which calls an address asks for (`selection.py`), traces (`traces.py`), and
lines that could not become events (`rejects.py`).
"""

import json
from datetime import date
from http import HTTPStatus

from duckdb import DuckDBPyConnection
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from meterhouse.console import marts
from meterhouse.console.downloads import csv_response
from meterhouse.console.periods import day_of
from meterhouse.console.selection import (
    COLUMNS,
    COLUMNS_COOKIE,
    FILTERS,
    IDS,
    PAGE_ROWS,
    SHOWN,
    Edge,
    Selection,
    selection_of,
)
from meterhouse.console.web import Visit, page
from meterhouse.events.schema import BUCKETS, COST_STATUSES, NOTES_OF_CONTROLS, OUTCOMES
from meterhouse.published import published_marts

_COLUMNS_LAST_SECONDS = 365 * 24 * 60 * 60
_COUNTED = """
    select
        count(*) filter (where coalesce(outcome, '') not in {notes}) as calls,
        count(*) filter (where outcome = 'blocked') as blocked,
        count(*) filter (where outcome = 'would_block') as would_block,
        sum(cost_usd) as cost_usd,
        count(*) filter (
            where cost_status in ('unpriced', 'usage_missing') and coalesce(outcome, '') not in {notes}
        ) as costless
    from marts.fct_transactions
    where {where}
"""
_CALL = """
    select * from marts.fct_transactions
    where rowid in (
        select rowid from marts.fct_transactions
        where event_id = $id and event_date between $first and $last
    )
"""
"""A call; its day spares looking through all others."""
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


def routes() -> list[Route]:
    """The log, its CSV, a call."""
    return [
        page("/transactions", _log),
        page("/transactions.csv", _download),
        page("/transactions/call", _call),
    ]


def _log(visit: Visit) -> Response:
    chosen = selection_of(visit)
    with published_marts(visit.settings) as opened:
        chosen.find(opened)
        count = _COUNTED.format(where=chosen.where, notes=NOTES_OF_CONTROLS)
        [counted] = marts.fetched(opened.execute(count, chosen.parameters))
        edge = _edge(visit, opened, chosen)
        rows = chosen.page(opened, edge)
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
    is_back, has_more = edge is not None and edge.is_after_page, len(rows) > PAGE_ROWS
    rows = rows[:PAGE_ROWS][:: -1 if is_back else 1]
    answer = visit.page(
        "transactions.html",
        chosen=chosen,
        rows=rows,
        counted=counted,
        has_earlier_page=has_more if is_back else edge is not None,
        has_later_page=is_back or has_more,
        columns=COLUMNS,
        numbers=NUMBERS,
        filters=FILTERS,
        ids=IDS,
        shown=list(SHOWN),
        choices={"provider": providers, "model": models},
        statuses=COST_STATUSES,
        outcomes=OUTCOMES,
        published_at=marts.published_at(visit.settings),
    )
    if "columns" in visit.request.query_params:
        answer.set_cookie(
            COLUMNS_COOKIE,
            ".".join(chosen.columns),
            max_age=_COLUMNS_LAST_SECONDS,
            path="/transactions",
            samesite="lax",
            httponly=True,
        )
    return answer


def _edge(visit: Visit, opened: DuckDBPyConnection, chosen: Selection) -> Edge | None:
    """The event that the page follows or precedes; None for the first page, and where the event is there no more."""
    before = visit.asked("before")
    event_id = visit.asked("after") or before
    if event_id is None:
        return None
    day = day_of(visit.asked("day"))
    asked = {"first": day or chosen.period.first, "last": day or chosen.period.last, "id": event_id}
    query = (
        f"select {chosen.sort} from marts.fct_transactions "  # noqa: S608 (a column of our own table)
        "where event_date between $first and $last and event_id = $id"
    )
    found = opened.execute(query, asked).fetchone()
    return Edge(event_id, event_id == before, found[0]) if found else None


def _download(visit: Visit) -> Response:
    chosen = selection_of(visit)
    columns = tuple(dict.fromkeys(("event_id", *chosen.columns)))
    query = (
        f"select {', '.join(columns)} from marts.fct_transactions "  # noqa: S608
        f"where {chosen.where} order by {chosen.order}"
    )
    name = f"transactions-{chosen.period.first}-{chosen.period.last}"
    return csv_response(name, columns, marts.streamed(visit.settings, query, chosen.parameters, chosen.find))


def _call(visit: Visit) -> Response:
    event_id, day = visit.asked("id"), day_of(visit.asked("day"))
    asked = {"id": event_id, "first": day or date.min, "last": day or date.max}
    found = marts.rows(visit.settings, _CALL, asked)
    if not found:
        raise HTTPException(
            HTTPStatus.NOT_FOUND,
            "No call of this id is in the published marts. If it was just sent, the next build brings it.",
        )
    call = found[0]
    is_note = call["outcome"] in NOTES_OF_CONTROLS
    prompts = (
        marts.rows(visit.settings, "select * from marts.fct_prompts where event_id = $id", {"id": event_id})
        if visit.user.is_admin
        else []
    )
    return visit.page(
        "call.html",
        call=call,
        control=json.loads(call["metadata"] or "{}").get("control_rule", "not named") if is_note else None,
        quantities=[
            (bucket.field, call[bucket.field], call[bucket.cost_field])
            for bucket in BUCKETS
            if call[bucket.field] is not None
        ],
        parts=[("Whom it was for", _WHO), ("What it was", _WHAT), ("Where it came from", _WHERE_FROM)],
        prompt=prompts[0] if prompts else None,
    )
