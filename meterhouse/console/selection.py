"""Which calls the log shows, in which order and with which columns: what its address says, as SQL.

Names in the SQL come from the tables here, never from the address; values travel as parameters. What does not belong
here: the pages (`transactions.py`).
"""

from dataclasses import dataclass
from typing import Any

from meterhouse.console.periods import Period, period_of
from meterhouse.console.web import Visit

_DAYS = 7
_EVER_DAYS = 3660
COLUMNS_COOKIE = "columns"
PAGE_ROWS = 50

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
IDS = ("event_id", "trace_id", "provider_request_id", "span_id", "parent_event_id", "subscriber_id")
"""Where an id is looked for."""
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
SHOWN = (
    "started_at",
    "provider",
    "model",
    "customer",
    "agent",
    "total_input_tokens",
    "total_output_tokens",
    "outcome",
    "cost_usd",
    "cost_status",
)
"""Columns for who has chosen none."""


@dataclass(frozen=True)
class Edge:
    """The event next to a page: the page follows it in the order, or ends before it.

    A page is found by its neighbour and not by its number, so that a late page costs no more than the first.
    """

    event_id: str
    is_after_page: bool
    value: Any = None
    """What the event has in the column that the log is sorted by."""


@dataclass(frozen=True)
class Selection:
    """Which calls, in which order, with which columns: what the address of the log says."""

    period: Period
    filters: dict[str, str]
    id: str | None
    sort: str
    is_descending: bool
    columns: tuple[str, ...]

    @property
    def where(self) -> str:
        """The condition, with parameters."""
        equal = [f"{FILTERS[name]} = ${name}" for name in self.filters]
        found = [f"({' or '.join(f'starts_with({name}, $id)' for name in IDS)})"] if self.id else []
        return " and ".join(["event_date between $first and $last", *equal, *found])

    @property
    def parameters(self) -> dict[str, Any]:
        """The condition's values."""
        found = {"id": self.id} if self.id else {}
        return {"first": self.period.first, "last": self.period.last, **self.filters, **found}

    @property
    def order(self) -> str:
        """The order, total, unknown last."""
        return f"{self.sort} {'desc' if self.is_descending else 'asc'} nulls last, event_id"

    def page_query(self, edge: Edge | None) -> tuple[str, dict[str, Any]]:
        """The query of a page, with one row more than it shows, and its parameters.

        The rows before an edge come in the reverse of the order.
        """
        columns = ", ".join(dict.fromkeys((*self.columns, "event_id", "trace_id")))
        order, beyond, values = self.order, "", {}
        if edge is not None:
            beyond, values = f" and {self._beyond(edge)}", {"edge": edge.event_id, "value": edge.value}
            if edge.value is None:
                values.pop("value")
            if edge.is_after_page:
                order = f"{self.sort} {'asc' if self.is_descending else 'desc'} nulls first, event_id desc"
        query = (
            f"select {columns} from marts.fct_transactions "  # noqa: S608 (names of our own tables)
            f"where {self.where}{beyond} order by {order} limit {PAGE_ROWS + 1}"
        )
        return query, self.parameters | values

    def _beyond(self, edge: Edge) -> str:
        """What follows the edge in the order, or precedes it; unknown values are last."""
        tie = f"event_id {'<' if edge.is_after_page else '>'} $edge"
        if edge.value is None:
            same = f"({self.sort} is null and {tie})"
            return f"({self.sort} is not null or {same})" if edge.is_after_page else same
        sign = "<" if self.is_descending != edge.is_after_page else ">"
        known = f"{self.sort} {sign} $value or ({self.sort} = $value and {tie})"
        return f"({known})" if edge.is_after_page else f"({known} or {self.sort} is null)"

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the log's address, with changes."""
        return {
            "from": self.period.first,
            "to": self.period.last,
            **self.filters,
            "id": self.id,
            "sort": self.sort,
            "order": "desc" if self.is_descending else "asc",
            "columns": list(self.columns) if self.columns != SHOWN else None,
        } | changes


def selection_of(visit: Visit) -> Selection:
    """What the address says; columns that it does not name are those the viewer chose last."""
    asked = visit.request.query_params
    chosen = asked.getlist("columns") or visit.request.cookies.get(COLUMNS_COOKIE, "").split(".")
    sort = asked.get("sort", "")
    has_span = any(name in asked for name in ("from", "to", "days"))
    is_narrow = any(visit.asked(name) for name in ("event", "trace", "id"))
    return Selection(
        period=period_of(visit, _DAYS if has_span or not is_narrow else _EVER_DAYS),
        filters={name: value for name in FILTERS if (value := visit.asked(name)) is not None},
        id=visit.asked("id"),
        sort=sort if sort in COLUMNS else "started_at",
        is_descending=asked.get("order") != "asc",
        columns=tuple(name for name in COLUMNS if name in chosen) or SHOWN,
    )
