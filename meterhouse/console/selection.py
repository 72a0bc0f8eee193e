"""Which calls the log shows, in which order and with which columns: what its address says, as SQL.

Names in the SQL come from the tables here, never from the address; values travel as parameters. What does not belong
here: the pages (`transactions.py`).
"""

from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from meterhouse.console.marts import Row, fetched
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
IDS = ("event_id", "trace_id", "provider_request_id")
"""Where an id is looked for."""
_BEGINS = "select rowid as id from marts.fct_transactions where {id} >= $id and {id} < $beyond"
_LAST_CHARACTER = chr(0x10FFFF)
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
)
"""Columns for who has chosen none."""
_ALWAYS = ("event_id", "event_date", "cost_status")
"""Read whichever are shown: what a row leads to, and why it has no cost."""


@dataclass(frozen=True)
class Edge:
    """The event next to a page: the page follows it in the order, or ends before it.

    A page is found by its neighbour and not by its number, so that a late page costs no more than the first.
    """

    event_id: str
    is_after_page: bool
    value: Any = None
    """What the event has in the column that the log is sorted by."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What `Selection.page` compares with."""
        return {"edge": self.event_id} | ({} if self.value is None else {"value": self.value})


@dataclass(frozen=True)
class Selection:
    """Which calls, in which order, with which columns: what the address of the log says."""

    period: Period
    filters: dict[str, str]
    id: str | None
    sort: str
    is_descending: bool
    columns: tuple[str, ...]

    def find(self, opened: DuckDBPyConnection) -> None:
        """Look for the id, once for all that is asked of the selection on this connection."""
        if self.id is not None:
            begins = " union ".join(_BEGINS.format(id=name) for name in IDS)
            asked = {"id": self.id, "beyond": self.id + _LAST_CHARACTER}
            opened.execute(f"create temp table found as {begins}", asked)

    @property
    def where(self) -> str:
        """The condition, with parameters."""
        equal = [f"{FILTERS[name]} = ${name}" for name in self.filters]
        found = ["rowid in (select id from found)"] if self.id is not None else []
        return " and ".join(["event_date between $first and $last", *equal, *found])

    @property
    def parameters(self) -> dict[str, Any]:
        """The condition's values."""
        return {"first": self.period.first, "last": self.period.last, **self.filters}

    @property
    def order(self) -> str:
        """The order, total, unknown last."""
        return f"{self.sort} {'desc' if self.is_descending else 'asc'} nulls last, event_id"

    def page(self, opened: DuckDBPyConnection, edge: Edge | None) -> list[Row]:
        """The rows of a page, and one more; those before an edge come in the reverse of the order."""
        is_reversed = edge is not None and edge.is_after_page
        rows: list[Row] = []
        values = self.parameters | (edge.parameters if edge else {})
        for condition in self._parts(edge):
            if len(rows) <= PAGE_ROWS:
                rows += self._part(opened, condition, values, is_reversed, PAGE_ROWS + 1 - len(rows))
        return rows

    def _parts(self, edge: Edge | None) -> list[str]:
        """What makes up the rows after an edge, or before it, nearest first: each a range, or one value."""
        known, unknown = f"{self.sort} is not null", f"{self.sort} is null"
        if edge is None:
            return [known, unknown]
        tie = f"event_id {'<' if edge.is_after_page else '>'} $edge"
        if edge.value is None:
            same = f"{unknown} and {tie}"
            return [same, known] if edge.is_after_page else [same]
        sign = "<" if self.is_descending != edge.is_after_page else ">"
        beyond = [f"{self.sort} = $value and {tie}", f"{self.sort} {sign} $value"]
        return beyond if edge.is_after_page else [*beyond, unknown]

    def _part(
        self,
        opened: DuckDBPyConnection,
        condition: str,
        values: dict[str, Any],
        is_reversed: bool,
        limit: int,
    ) -> list[Row]:
        """The nearest rows of a part.

        How far a range reaches is found first, in the sorted column alone, so that the others are read for few rows.
        """
        columns = ", ".join(dict.fromkeys((*self.columns, *_ALWAYS)))
        is_descending = self.is_descending != is_reversed
        where, order = f"{self.where} and {condition}", f"{self.sort} {'desc' if is_descending else 'asc'}"
        values = {name: value for name, value in values.items() if f"${name}" in where}
        calls = f"from marts.fct_transactions where {where}"
        if f"{self.sort} = " not in condition and f"{self.sort} is null" not in condition:
            sign, furthest = (">=", "min") if is_descending else ("<=", "max")
            [[reached]] = opened.execute(
                f"select {furthest}(value) from "  # noqa: S608 (names of our own tables)
                f"(select {self.sort} as value {calls} order by {order} limit {limit})",
                values,
            ).fetchall()
            calls, values = f"{calls} and {self.sort} {sign} $reached", values | {"reached": reached}
        query = f"select {columns} {calls} order by {order}, event_id {'desc' if is_reversed else 'asc'} limit {limit}"
        return fetched(opened.execute(query, values))

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
