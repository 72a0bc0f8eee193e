"""A trace as a tree: each call under the one that caused it, with its cost and its place in time.

What does not belong here: lists of calls (`transactions.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from meterhouse.console import marts
from meterhouse.console.web import Visit, page

_TRACE_CALLS = 2_000
_CALLS = """
    select
        event_id, event_date, parent_event_id, provider, model, operation, agent,
        started_at, ended_at, duration_ms, outcome, cost_usd
    from marts.fct_transactions
    where trace_id = $id
    order by started_at, event_id
    limit $limit
"""


@dataclass
class Step:
    """One call of a trace, and the calls it caused; its place in time as shares of the trace's whole."""

    call: marts.Row
    offset: float
    share: float
    children: list["Step"] = field(default_factory=list)


def routes() -> list[Route]:
    """The page of a trace."""
    return [page("/transactions/trace", _trace)]


def _trace(visit: Visit) -> Response:
    trace_id = visit.asked("id")
    calls = marts.rows(visit.settings, _CALLS, {"id": trace_id, "limit": _TRACE_CALLS})
    found = marts.rows(
        visit.settings, "select * from marts.fct_traces where trace_id = $id", {"id": trace_id}
    )
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No trace of this id is in the published marts.")
    return visit.page(
        "trace.html", trace=found[0], steps=tree(calls), call_limit=_TRACE_CALLS, call_count=len(calls)
    )


def tree(calls: Iterable[marts.Row]) -> list[Step]:
    """The calls under those that caused them.

    A call whose cause is not among them, or is part of a circle, stands at the top.
    """
    calls = list(calls)
    if not calls:
        return []
    begin = min(call["started_at"] for call in calls)
    end = max(_end(call) for call in calls)
    whole = max((end - begin).total_seconds(), 0.001)
    steps = {
        call["event_id"]: Step(
            call,
            (call["started_at"] - begin).total_seconds() / whole,
            (_end(call) - call["started_at"]).total_seconds() / whole,
        )
        for call in calls
    }
    top = []
    for event_id, step in steps.items():
        parent = steps.get(step.call["parent_event_id"])
        if parent is None or _is_below(steps, parent, event_id):
            top.append(step)
        else:
            parent.children.append(step)
    return top


def _is_below(steps: dict[str, Step], step: Step, event_id: str) -> bool:
    """Whether a step comes, through its causes, from the event, or from a circle of causes."""
    seen: set[str] = set()
    at: Step | None = step
    while at is not None:
        own = at.call["event_id"]
        if own == event_id or own in seen:
            return True
        seen.add(own)
        at = steps.get(at.call["parent_event_id"])
    return False


def _end(call: marts.Row) -> datetime:
    started_at: datetime = call["started_at"]
    if call["ended_at"] is not None:
        ended_at: datetime = call["ended_at"]
        return max(ended_at, started_at)
    return started_at + timedelta(milliseconds=int(call["duration_ms"] or 0))
